import { setTimeout as sleep } from 'node:timers/promises';

import { Command } from '@commander-js/extra-typings';
import { type AdminModel, type AdminNode } from '@cortex/protocol';

import { type GatewayClient, type GatewayHealth } from '../client/gateway-client.ts';
import { formatTable } from '../output/format-table.ts';
import { type Paint } from '../output/terminal.ts';
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

const memoryOf = (node: AdminNode): string | undefined => {
  const gpus = node.devices.filter(({ kind }) => kind !== 'cpu');
  if (gpus.length > 0) {
    return gpus
      .map(
        ({ name, vram_used_mb: used, vram_total_mb: total }) =>
          `${name} ${used ?? '?'}/${total} MB`,
      )
      .join(', ');
  }
  const cpu = node.devices.find(({ kind }) => kind === 'cpu');
  if (cpu !== undefined) {
    return `CPU ${cpu.vram_used_mb ?? '?'}/${Math.round(cpu.vram_total_mb)} MB for models`;
  }
  return node.ram_total_mb === undefined
    ? undefined
    : `CPU, ${Math.round(node.ram_total_mb)} MB RAM`;
};

const nodeRow = (node: AdminNode): (string | number | undefined)[] => [
  node.name,
  node.draining ? `${node.state}, draining` : node.state,
  memoryOf(node),
  node.in_flight,
  node.version,
  node.endpoint,
  node.error ?? node.gpu_unavailable_reason,
];

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
    entry.reason ?? entry.servable?.reason ?? model.reason,
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
export function statusCommand({ connect, terminal, paint }: ClientContext) {
  return new Command('status')
    .description('Show the nodes and models of the fleet, and why a node or model is unavailable.')
    .option('--watch', 'redraw every second until Ctrl-C', false)
    .addOption(urlOption())
    .addOption(keyFileOption())
    .addOption(jsonOption())
    .action(async ({ url, keyFile, json, watch }) => {
      const client = connect(url, keyFile);
      for (;;) {
        const status = await readStatus(client);
        const text = json
          ? JSON.stringify(status, null, watch ? 0 : 2)
          : formatStatus(status, url, paint);
        if (watch && !json && terminal.isInteractive) terminal.write(REDRAW);
        terminal.print(text);
        if (!watch) return;
        await sleep(WATCH_INTERVAL_MS);
      }
    });
}
