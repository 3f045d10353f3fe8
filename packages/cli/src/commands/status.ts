import { Command } from '@commander-js/extra-typings';
import { type AdminModel, type AdminNode, type ModelEntry } from '@cortex/protocol';

import { CliError } from '../cli-error.ts';
import { type GatewayClient, type GatewayHealth } from '../client/gateway-client.ts';
import { formatTable } from '../output/format-table.ts';
import { nodeMemory, nodeNote, nodeState } from '../output/node-text.ts';
import { type Paint } from '../output/terminal.ts';
import { visibleText } from '../output/visible-text.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

const WATCH_INTERVAL_MS = 1000;
/** Moves the cursor home and clears the screen below it, to redraw in place. */
const REDRAW = '\u001B[H\u001B[J';

interface FleetStatus {
  readonly health: GatewayHealth;
  readonly nodes: readonly AdminNode[];
  readonly models: readonly AdminModel[];
}

async function readStatus(client: GatewayClient): Promise<FleetStatus> {
  const [health, nodes, models] = await Promise.all([
    client.health(),
    client.nodes(),
    client.adminModels(),
  ]);
  return { health, nodes, models };
}

const nodeRow = (node: AdminNode): (string | number | undefined)[] => [
  node.name,
  nodeState(node),
  nodeMemory(node),
  node.in_flight,
  node.version,
  node.endpoint,
  nodeNote(node),
];

/** Why a replica does not serve; undefined if that only repeats its status. */
function modelNote({ status, reason, servable }: ModelEntry): string | undefined {
  const why = reason ?? servable?.reason;
  return why === status ? undefined : why;
}

function modelRows(model: AdminModel): (string | number | undefined)[][] {
  if (model.replicas.length === 0)
    return [[model.id, model.status, undefined, 0, model.waiting, model.reason]];
  return model.replicas.map(({ node, in_flight: inFlight, model: entry }) => [
    model.id,
    entry.progress === undefined || entry.status === 'loaded'
      ? entry.status
      : `${entry.status} ${Math.round(entry.progress * 100)} %`,
    [node, entry.backend, entry.gpu_layers && `layers ${entry.gpu_layers}`]
      .filter(Boolean)
      .join(', '),
    inFlight,
    model.waiting,
    modelNote(entry) ?? model.reason,
  ]);
}

/** The status as text: health, nodes, models, and why something is unavailable. */
function formatStatus({ health, nodes, models }: FleetStatus, url: string, paint: Paint): string {
  const colour = health.status === 'ok' ? 'green' : 'yellow';
  const parts = [
    `${url}  ${paint(colour, health.status)}  ${health.nodes.healthy} of ${health.nodes.total} nodes up`,
    formatTable(
      ['NODE', 'STATE', 'MEMORY', 'IN FLIGHT', 'VERSION', 'ENDPOINT', 'NOTE'],
      nodes.map(nodeRow),
    ),
    formatTable(
      ['MODEL', 'STATUS', 'WHERE', 'IN FLIGHT', 'WAITING', 'NOTE'],
      models.flatMap(modelRows),
    ),
  ];
  return parts.join('\n\n');
}

/** `cortex status`: nodes and models; exits with 0 even if something is down. */
export function statusCommand(
  { connect, terminal, paint }: ClientContext,
  /** Waits between two readings of `--watch`; for tests. */
  sleep: (ms: number) => Promise<unknown> = Bun.sleep,
) {
  return new Command('status')
    .description('Show the nodes and models of the fleet, and why a node or model is unavailable.')
    .option('--watch', 'redraw every second until Ctrl-C', false)
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async ({ url, keyFile, json, watch }) => {
      const client = connect(url, keyFile);
      const read = async (): Promise<string> => {
        const status = await readStatus(client);
        return json
          ? JSON.stringify(status, null, watch ? 0 : 2)
          : formatStatus(status, client.url, paint);
      };
      const isRedrawn = watch && !json && terminal.isInteractive;
      const show = (text: string): void => {
        if (isRedrawn) terminal.write(REDRAW);
        terminal.print(text);
      };
      show(await read());
      while (watch) {
        await sleep(WATCH_INTERVAL_MS);
        try {
          show(await read());
        } catch (error) {
          if (!(error instanceof CliError)) throw error;
          // The gateway may come back.
          if (isRedrawn) show(paint('red', visibleText(error.message)));
          else terminal.warn(visibleText(error.message));
        }
      }
    });
}
