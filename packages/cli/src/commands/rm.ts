import { Command } from '@commander-js/extra-typings';

import { CliError } from '../cli-error.ts';
import { formatBytes } from '../output/pull-line.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** `cortex rm MODEL`: removes it from models.toml, and with `--files` its files from the nodes. */
export function rmCommand({ connect, terminal }: ClientContext) {
  return new Command('rm')
    .description(
      'Remove a model from models.toml; with --files, remove its files from the nodes as well. The model must not be loaded then.',
    )
    .argument('<model>', 'model id, as in `cortex models`')
    .option('--files', 'remove the files as well, which cannot be undone', false)
    .option('--node <name>', 'remove only the files on this node')
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async (model, { url, keyFile, files, node, json }) => {
      if (node !== undefined && !files) {
        throw new CliError('--node removes files of a node: set --files as well', { exitCode: 2 });
      }
      const removed = await connect(url, keyFile).removeModel({ model, node, files });
      if (json) return terminal.print(JSON.stringify(removed, null, 2));
      for (const { node: name, files: paths, freed_bytes: bytes } of removed.results) {
        const what =
          paths.length === 0
            ? 'the files stay, because another model uses them'
            : formatBytes(bytes);
        terminal.print(`The files of ${model} are removed from ${name}: ${what}.`);
      }
      if (removed.file !== undefined) terminal.print(`${model} is removed from ${removed.file}.`);
      if (removed.catalogued) {
        terminal.warn(
          `models.toml still has ${model}: the next request for it downloads it again.`,
        );
      }
      return undefined;
    });
}
