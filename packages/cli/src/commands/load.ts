import { Command } from '@commander-js/extra-typings';

import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex load MODEL`: loads the model now, without a request for it. */
export function loadCommand({ connect, terminal }: ClientContext) {
  return new Command('load')
    .description('Load a model now instead of at its first request.')
    .argument('<model>', 'model id, as in `cortex models`')
    .option('--node <name>', 'node that loads it; default: cortex chooses')
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (model, { url, keyFile, node, json }) => {
      const result = await connect(url, keyFile).loadModel({ model, node });
      if (json) return terminal.print(JSON.stringify(result, null, 2));
      return terminal.print(
        result.status === 'loaded'
          ? `${result.model} is loaded on ${result.node}.`
          : `${result.model} is ${result.status} on ${result.node}: "cortex status --watch" shows the progress.`,
      );
    });
}
