import { Command } from '@commander-js/extra-typings';

import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex unload MODEL`: its memory comes back; the next request loads it again. */
export function unloadCommand({ connect, terminal }: ClientContext) {
  return new Command('unload')
    .description('Unload a model and give its memory back. The next request for it loads it again.')
    .argument('<model>', 'id as in `cortex models`')
    .option('--node <name>', 'only there; without it everywhere')
    .option('--force', 'end the requests that are running', false)
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (model, { url, keyFile, node, force, json }) => {
      const results = await connect(url, keyFile).unloadModel({ model, node, force });
      if (json) return terminal.print(JSON.stringify(results, null, 2));
      if (results.length === 0) return terminal.print(`${model} is loaded nowhere.`);
      for (const result of results) {
        terminal.print(`${result.model} is ${result.status} on ${result.node}.`);
      }
      return undefined;
    });
}
