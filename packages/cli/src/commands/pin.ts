import { Command } from '@commander-js/extra-typings';

import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex pin MODEL`: its nodes keep it loaded, whatever its TTL, until it is unloaded by a call. */
export function pinCommand({ connect, terminal }: ClientContext) {
  return new Command('pin')
    .description(
      'Keep a model loaded, also when it is idle or another program needs the GPU. "cortex unload" and "cortex free" still unload it. The nodes remember the pin.',
    )
    .argument('<model>', 'model id, as in `cortex models`')
    .option('--undo', 'remove the pin', false)
    .option('--node <name>', 'node that keeps it; default: every node that has the model')
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (model, { url, keyFile, node, undo, json }) => {
      const results = await connect(url, keyFile).pinModel({ model, node, pinned: !undo });
      if (json) return terminal.print(JSON.stringify(results, null, 2));
      for (const { node: name, pinned } of results) {
        terminal.print(`${model} is ${pinned ? 'pinned' : 'no longer pinned'} on ${name}.`);
      }
      return undefined;
    });
}
