import { Command } from '@commander-js/extra-typings';

import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex unload MODEL`: frees its memory; the next request loads it again. */
export function unloadCommand({ connect, terminal }: ClientContext) {
  return new Command('unload')
    .description('Unload a model and free its memory. The next request for it loads it again.')
    .argument('<model>', 'model id, as in `cortex models`')
    .option('--node <name>', 'node that unloads it; default: every node')
    .option('--force', 'end running requests instead of waiting for them', false)
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (model, { url, keyFile, node, force, json }) => {
      const results = await connect(url, keyFile).unloadModel({ model, node, force });
      if (json) return terminal.print(JSON.stringify(results, null, 2));
      if (results.length === 0) return terminal.print(`${model} is not loaded on any node.`);
      for (const result of results) {
        terminal.print(`${result.model} is ${result.status} on ${result.node}.`);
      }
      for (const note of new Set(results.flatMap((result) => result.note ?? []))) {
        terminal.print(note);
      }
      return undefined;
    });
}
