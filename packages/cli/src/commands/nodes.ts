import { Command } from '@commander-js/extra-typings';
import { type AdminNode } from '@cortex/protocol';

import { formatTable } from '../output/format-table.ts';
import { nodeHardware, nodeNote, nodeState } from '../output/node-text.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

const HEADERS = ['NODE', 'STATE', 'VERSION', 'HARDWARE', 'MODELS', 'IN FLIGHT', 'ENDPOINT', 'NOTE'];

/** The version of a node, marked if it is not that of this program. */
function versionOf({ version }: AdminNode, ownVersion: string): string | undefined {
  if (version === undefined || version === ownVersion) return version;
  return `${version} (here ${ownVersion})`;
}

const modelsOf = ({ models }: AdminNode): string =>
  models
    .filter(({ status }) => status !== 'unloaded')
    .map(({ id, status }) => (status === 'loaded' ? id : `${id} (${status})`))
    .join(', ');

/** `cortex nodes`: every node with version, hardware and models, and why it cannot be reached. */
export function nodesCommand({ connect, terminal }: ClientContext, ownVersion: string) {
  return new Command('nodes')
    .description(
      'List the nodes with version, hardware and models. Says why a node is unreachable.',
    )
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async ({ url, keyFile, json }) => {
      const nodes = await connect(url, keyFile).nodes();
      if (json) return terminal.print(JSON.stringify(nodes, null, 2));
      if (nodes.length === 0)
        return terminal.print('No nodes. Add [[neurons]] to cortex.toml, then restart cortex.');
      const rows = nodes.map((node) => [
        node.name,
        nodeState(node),
        versionOf(node, ownVersion),
        nodeHardware(node),
        modelsOf(node) || undefined,
        node.in_flight,
        node.endpoint,
        nodeNote(node),
      ]);
      return terminal.print(formatTable(HEADERS, rows));
    });
}
