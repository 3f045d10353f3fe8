import { Command } from '@commander-js/extra-typings';
import type { Discovery } from '@cortex/protocol';
import { createLogger } from '@cortex/service';

import { discovery } from '../api/views.ts';
import { cpuMemoryMib, loadNeuronConfig, type NeuronConfig } from '../config.ts';
import { configFile } from './config-file.ts';
import { DeviceMonitor } from '../devices/device-monitor.ts';
import { LOCAL_GPU_SOURCES } from '../devices/gpu-sources.ts';
import { probeDevices } from '../harness/llama/probe-devices.ts';
import { engineProcesses, llamaCommand, type StartEngine } from '../engines/start-engine.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Starts engines that end within a command and need no record. */
export const unrecordedEngines = ({ engine }: NeuronConfig): StartEngine =>
  engineProcesses({
    command: llamaCommand(engine.runtime),
    records: { add: () => undefined, remove: () => undefined },
  });

/** This machine as `GET /discovery` would report it, without a daemon. */
export async function discoverHere(config: NeuronConfig): Promise<Discovery> {
  const startEngine = unrecordedEngines(config);
  const devices = new DeviceMonitor({
    sources: LOCAL_GPU_SOURCES,
    probe: (question, signal) => probeDevices(startEngine, question, signal),
    exclude: config.devices.exclude,
    storagePaths: [config.models_dir, config.state_dir],
    every: () => () => undefined,
    log: createLogger({ name: 'neuron', level: 'fatal' }),
  });
  await devices.ready();
  devices.close();
  return discovery({
    devices,
    cpuMemoryMib: cpuMemoryMib(config, devices.host.ramTotalMib),
    harnesses: ['llama', ...config.harnesses.map(({ name }) => name)],
  });
}

const gib = (mib: number): string => `${(mib / 1024).toFixed(1)} GiB`;

/** Human-readable, one fact per line. */
function formatDiscovery(found: Discovery): string {
  const gpus = found.devices.filter(({ kind }) => kind !== 'cpu');
  const cpu = found.devices.find(({ kind }) => kind === 'cpu');
  const rows: [string, string][] = [
    ['host', `${found.hostname} (${found.os}, ${found.kernel}, ${found.arch})`],
    ['cpu', `${found.cpu.model}, ${found.cpu.cores} cores`],
    [
      'memory',
      `${gib(found.ram_total_mb)}, of which models on the CPU may use ${gib(cpu?.vram_total_mb ?? 0)}`,
    ],
    ...found.storage.map(({ path, free_mb: free, total_mb: total }): [string, string] => [
      'disk',
      `${path}: ${gib(free)} free of ${gib(total)}`,
    ]),
    ...gpus.map((device): [string, string] => [
      `gpu ${device.index}`,
      `${device.name}, ${gib(device.vram_total_mb)}, ${device.kind}`,
    ]),
  ];
  if (found.gpu_unavailable_reason !== undefined) rows.push(['gpu', found.gpu_unavailable_reason]);
  else if (gpus.length === 0) rows.push(['gpu', 'none']);
  if (found.driver_version !== undefined) rows.push(['driver', found.driver_version]);
  return rows.map(([name, value]) => `${name.padEnd(8)}${value}`).join('\n');
}

/** `neuron discover`: prints the hardware of this machine, and what models can use of it. Writes with `print`. */
export function discoverCommand(env: Env, print: (text: string) => void) {
  return new Command('discover')
    .description('Show the hardware of this machine, and what models can use of it.')
    .option(
      '-c, --config <file>',
      'path of neuron.toml, read for devices.exclude and the folders; default: that of the installed service',
    )
    .option('--json', 'print JSON, for scripts', false)
    .action(async ({ config: named, json }) => {
      const file = configFile(named);
      const found = await discoverHere(loadNeuronConfig({ file, env }).value);
      print(json ? JSON.stringify(found, null, 2) : formatDiscovery(found));
    });
}
