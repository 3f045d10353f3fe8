import { Command } from '@commander-js/extra-typings';
import {
  type AdminFleet,
  type AdminModel,
  type AdminNode,
  type ModelEntry,
} from '@cortex/protocol';

import { CliError } from '../cli-error.ts';
import { type GatewayClient } from '../client/gateway-client.ts';
import { newestOf } from '../client/newest-of.ts';
import { formatTable } from '../output/format-table.ts';
import { nodeMemory, nodeNote, nodeState } from '../output/node-text.ts';
import { type Paint } from '../output/terminal.ts';
import { visibleText } from '../output/visible-text.ts';
import { type ClientContext, jsonOption, keyFileOption, urlOption } from './context.ts';

/** Shortest time between two redraws, and before a lost gateway is called again. */
const WATCH_INTERVAL_MS = 1000;
/** Moves the cursor home and clears the screen below it, to redraw in place. */
const REDRAW = '\u001B[H\u001B[J';

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
function modelNote({
  status,
  reason,
  servable,
}: Pick<ModelEntry, 'status' | 'reason' | 'servable'>): string | undefined {
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
    modelNote(entry) ?? entry.config_mismatch?.text ?? model.reason,
  ]);
}

/** The status as text: health, nodes, models, and why something is unavailable. */
function formatStatus(fleet: AdminFleet, url: string, paint: Paint): string {
  const { health, nodes, models, restart_required: restart = [] } = fleet;
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
    ...(restart.length === 0 ? [] : [`Restart cortex to use the new ${restart.join(', ')}.`]),
  ];
  return parts.join('\n\n');
}

type Sleep = (ms: number) => Promise<unknown>;

/**
 * Shows the fleet at its changes, the newest state at most once per interval, until the process ends. A gateway that
 * stops answering is called again, because it may come back.
 *
 * @throws CliError if it does not answer the first call
 */
async function watchFleet(
  client: Pick<GatewayClient, 'url' | 'followFleet'>,
  {
    show,
    report,
    sleep,
  }: {
    readonly show: (fleet: AdminFleet) => void;
    readonly report: (problem: string) => void;
    readonly sleep: Sleep;
  },
): Promise<never> {
  let hasAnswered = false;
  for (;;) {
    const ending = new AbortController();
    try {
      for await (const fleet of newestOf(client.followFleet(ending.signal))) {
        hasAnswered = true;
        show(fleet);
        await sleep(WATCH_INTERVAL_MS);
      }
      report(`the gateway at ${client.url} has ended; it is called again`);
    } catch (error) {
      if (!(error instanceof CliError) || !hasAnswered) throw error;
      report(error.message);
    } finally {
      ending.abort();
    }
    await sleep(WATCH_INTERVAL_MS);
  }
}

/** `cortex status`: nodes and models; exits with 0 even if something is down. */
export function statusCommand(
  { connect, terminal, paint }: ClientContext,
  /** Waits between two redraws of `--watch`; for tests. */
  sleep: Sleep = Bun.sleep,
) {
  return new Command('status')
    .description('Show the nodes and models of the fleet, and why a node or model is unavailable.')
    .option('--watch', 'show it again whenever it changes, until Ctrl-C', false)
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async ({ url, keyFile, json, watch }) => {
      const client = connect(url, keyFile);
      const isRedrawn = watch && !json && terminal.isInteractive;
      const print = (text: string): void => {
        if (isRedrawn) terminal.write(REDRAW);
        terminal.print(text);
      };
      const show = (fleet: AdminFleet): void =>
        print(
          json
            ? JSON.stringify(fleet, null, watch ? 0 : 2)
            : formatStatus(fleet, client.url, paint),
        );
      const report = (problem: string): void => {
        if (isRedrawn) print(paint('red', visibleText(problem)));
        else terminal.warn(visibleText(problem));
      };
      if (watch) await watchFleet(client, { show, report, sleep });
      else show(await client.fleet());
    });
}
