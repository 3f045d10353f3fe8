import { Command } from '@commander-js/extra-typings';

import { parseModelArgument } from '../model-argument.ts';
import { pullAndWait } from '../output/pull-and-wait.ts';
import { formatBytes } from '../output/pull-line.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex pull MODEL`: downloads its files to a node. */
export function pullCommand({ connect, terminal }: ClientContext) {
  return new Command('pull')
    .description('Download the files of a model to a node. The download continues after Ctrl-C.')
    .argument(
      '<model>',
      'model id, hf:org/repo[:QUANT], hf:org/repo:file.gguf or https://host/file.gguf',
    )
    .option('--node <name>', 'node that downloads it; default: cortex chooses')
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (text, { url, keyFile, node, json }) => {
      const call = { ...parseModelArgument(text), node };
      const { node: where, pull } = await pullAndWait(connect(url, keyFile), call, terminal);
      if (json) return terminal.print(JSON.stringify({ node: where, pull }, null, 2));
      const quant = pull.quant === undefined ? '' : ` (${pull.quant})`;
      return terminal.print(
        `${call.model}${quant} is on ${where}: ${formatBytes(pull.bytes_done)}, complete and checked.`,
      );
    });
}
