import { Command } from '@commander-js/extra-typings';
import { type ListedModel } from '@cortex/protocol';

import { formatTable } from '../output/format-table.ts';
import { type ClientContext, jsonOption, urlOption } from './context.ts';

const nodesOf = (model: ListedModel): string =>
  model.locations
    .map(({ node, status }) => (status === 'loaded' ? node : `${node} (${status})`))
    .join(', ');

function rowOf(model: ListedModel): (string | number | undefined)[] {
  return [
    model.id,
    model.status,
    model.limit?.context,
    nodesOf(model) || undefined,
    model.aliases?.join(', ') || undefined,
    model.reason,
  ];
}

/** `cortex models`: every model that can be asked for. */
export function modelsCommand({ connect, terminal }: ClientContext) {
  return new Command('models')
    .description('List the models that can be asked for, and where they are loaded.')
    .addOption(urlOption())
    .addOption(jsonOption())
    .action(async ({ url, json }) => {
      const models = await connect(url).models();
      if (json) return terminal.print(JSON.stringify(models, null, 2));
      if (models.length === 0) {
        return terminal.print(
          'No model yet. Put a GGUF file into a neuron’s models_dir, or write [[models]] into models.toml.',
        );
      }
      const headers = ['MODEL', 'STATUS', 'CONTEXT', 'NODES', 'ALIASES', 'NOTE'];
      const rows = models.map(rowOf);
      const isUsed = headers.map(
        (_, column) => column < 4 || rows.some((row) => row[column] !== undefined),
      );
      const kept = <T>(cells: readonly T[]): T[] => cells.filter((_, column) => isUsed[column]);
      return terminal.print(formatTable(kept(headers), rows.map(kept)));
    });
}
