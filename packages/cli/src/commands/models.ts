import { Command } from '@commander-js/extra-typings';
import { type ListedModel } from '@cortex/protocol';

import { formatTable } from '../output/format-table.ts';
import { type ClientContext, jsonOption, urlOption } from './context.ts';

const nodesOf = (model: ListedModel): string =>
  model.locations
    .map(({ node, status }) => (status === 'loaded' ? node : `${node} (${status})`))
    .join(', ');

const statusOf = ({ status: { value, progress } }: ListedModel): string =>
  progress === undefined ? value : `${value} ${Math.round(progress * 100)} %`;

function rowOf(model: ListedModel): (string | number | undefined)[] {
  return [
    model.id,
    statusOf(model),
    model.limit?.context,
    nodesOf(model) || undefined,
    model.aliases?.join(', ') || undefined,
    model.reason,
  ];
}

/** `cortex models`: every available model. */
export function modelsCommand({ connect, terminal }: ClientContext) {
  return new Command('models')
    .description('List the available models and the nodes that have loaded them.')
    .addOption(urlOption())
    .addOption(jsonOption())
    .action(async ({ url, json }) => {
      const models = await connect(url).models();
      if (json) return terminal.print(JSON.stringify(models, null, 2));
      if (models.length === 0) {
        return terminal.print(
          'No models. Download one with "cortex pull hf:org/repo", put a GGUF file into the models_dir of a neuron, or add [[models]] to models.toml.',
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
