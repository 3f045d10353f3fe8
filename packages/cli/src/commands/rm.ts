import { Command } from '@commander-js/extra-typings';

import { CliError } from '../cli-error.ts';
import { formatBytes } from '../output/pull-line.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex rm MODEL --files`: removes its files from the nodes. */
export function rmCommand({ connect, terminal }: ClientContext) {
  return new Command('rm')
    .description('Remove the files of a model from the nodes. The model must not be loaded.')
    .argument('<model>', 'model id, as in `cortex models`')
    .option('--files', 'remove the files; required, because this cannot be undone', false)
    .option('--node <name>', 'only from this node; default: from every node')
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (model, { url, keyFile, files, node, json }) => {
      if (!files) {
        throw new CliError(
          `set --files to remove the files of ${model} from the nodes. To remove the model from models.toml, edit that file.`,
          { exitCode: 2 },
        );
      }
      const removed = await connect(url, keyFile).removeFiles({ model, node });
      if (json) return terminal.print(JSON.stringify(removed, null, 2));
      for (const { node: name, files: paths, freed_bytes: bytes } of removed.results) {
        const what =
          paths.length === 0
            ? 'the files stay, because another model uses them'
            : formatBytes(bytes);
        terminal.print(`${model} is removed from ${name}: ${what}.`);
      }
      if (removed.catalogued) {
        terminal.warn(
          `models.toml still has ${model}: the next request for it downloads it again.`,
        );
      }
      return undefined;
    });
}
