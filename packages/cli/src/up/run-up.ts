import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { adminKeyFile, loadGatewayConfig } from '@cortex/gateway';
import { withProxyExceptions } from '@cortex/protocol';
import {
  createLogger,
  endWithParent,
  installShutdown,
  createStateFolders,
  stateDirectory,
  writeReadyFile,
} from '@cortex/service';

import { CliError } from '../cli-error.ts';
import { findAdminKeys, KEY_POINTER } from '../client/admin-key.ts';
import { NoAnswer } from '../client/call-failure.ts';
import { createGatewayClient } from '../client/gateway-client.ts';
import { type Paint, type Terminal } from '../output/terminal.ts';
import { formatBanner } from './banner.ts';
import { type Daemon, type DaemonEvent, startDaemon } from './daemon.ts';
import { GatewayReady, gatewayLaunch, LOCAL_NODE, NeuronReady, neuronLaunch } from './daemons.ts';
import { lanAddresses } from './lan-addresses.ts';
import { formatLogLine } from './log-line.ts';
import { createRunFolder, otherRuns } from './run-folder.ts';
import { waitForModels } from './wait-for-models.ts';

/** Grace period of running answers after Ctrl-C; the daemons get it as `shutdown_grace_s`. */
const GRACE_MS = 2000;
/** The banner must appear within 10 s of the start, even if no model is loaded by then. */
const BANNER_AFTER_MS = 8000;
/** A gateway that ends before the banner is restarted, like at any other time; it may take this long to answer. */
const ANSWER_WITHIN_MS = 30_000;

export interface UpOptions {
  readonly configFile: string | undefined;
  readonly modelsFile: string | undefined;
  readonly neuronConfigFile: string | undefined;
  readonly readyFile: string | undefined;
  readonly isOnLan: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly paint: Paint;
}

interface Daemons {
  neuron?: Daemon<NeuronReady>;
  gateway?: Daemon<GatewayReady>;
}

/**
 * Gateway and neuron of one machine, kept running until Ctrl-C (contracts, section 4).
 *
 * Returns when both are running and the banner is printed; the supervision keeps the process alive.
 *
 * @throws CliError with the one-line cause if a daemon cannot start.
 */
export async function runUp(options: UpOptions): Promise<void> {
  const { terminal } = options;
  const startedMs = performance.now();
  const daemons: Daemons = {};
  const stopAll = async (): Promise<void> => {
    await Promise.all([daemons.gateway?.stop(), daemons.neuron?.stop()]);
  };
  const shutdown = installShutdown({
    graceMs: () => GRACE_MS,
    log: createLogger({
      name: 'up',
      level: 'warn',
      destination: { write: (text) => showLine(options, 'up', text) },
    }),
    drain: stopAll,
    exit: (code) => {
      daemons.gateway?.kill();
      daemons.neuron?.kill();
      process.exit(code);
    },
  });
  shutdown.signal.addEventListener('abort', () => terminal.print('\nShutting down …'));
  endWithParent(() => shutdown.begin('parent process has ended'));

  try {
    const both = await startBoth(options, daemons, shutdown.signal);
    const timeoutMs = BANNER_AFTER_MS - (performance.now() - startedMs);
    const banner = await describeBoth(options, both, timeoutMs);
    if (!shutdown.signal.aborted) terminal.print(banner);
  } catch (error) {
    // The shutdown ends the daemons, which caused the error, and then this process.
    if (shutdown.signal.aborted) return;
    const cause = startFailure(error, { daemons, stateDir: stateDirectory(options.env) });
    await stopAll();
    throw cause;
  }
}

/** Why the start failed, for the operator: a gateway that has started is not one to start. */
function startFailure(
  error: unknown,
  { daemons, stateDir }: { readonly daemons: Daemons; readonly stateDir: string },
): unknown {
  if (daemons.neuron !== undefined && daemons.neuron.ready === undefined)
    return besideOtherRuns(error, stateDir);
  const failure = daemons.gateway?.failure;
  if (failure !== undefined)
    return new CliError(`cortex does not keep running: ${failure}`, { cause: error });
  if (error instanceof NoAnswer)
    return new CliError(`cortex has started, but it cannot be reached: ${error.reason}`, {
      cause: error,
    });
  return error;
}

/** Names the runs of `cortex up` with the same state folder: a second one is the usual reason of this failure. */
function besideOtherRuns(error: unknown, stateDir: string): unknown {
  const pids = otherRuns(stateDir);
  if (pids.length === 0 || !(error instanceof CliError)) return error;
  return new CliError(
    `${error.message}\n"cortex up" is already running with the state folder ${stateDir} (process ${pids.join(', ')}): stop it, or set CORTEX_STATE_DIR to another folder`,
    { cause: error },
  );
}

interface RunningBoth {
  readonly apiUrl: string;
  readonly metrics: string;
  /** The port of the API. */
  readonly port: string;
  readonly keyFile: string;
}

/** The banner, as soon as a model serves or `timeoutMs` have passed. */
async function describeBoth(
  { env, isOnLan, paint }: UpOptions,
  { apiUrl, metrics, port, keyFile }: RunningBoth,
  timeoutMs: number,
): Promise<string> {
  Object.assign(process.env, withProxyExceptions(process.env, [new URL(apiUrl).hostname]));
  const client = createGatewayClient(apiUrl, {
    // This is our own child, reached over the loopback interface, and its certificate may be for another name.
    fetch: (url, init) => fetch(url, { ...init, tls: { rejectUnauthorized: false } }),
    adminKeys: () =>
      findAdminKeys({ keyFile, env, url: apiUrl, stateDir: () => stateDirectory(env) }),
  });
  const fleet = await waitForModels(client, {
    node: LOCAL_NODE,
    settleMs: timeoutMs,
    answerMs: ANSWER_WITHIN_MS,
  });
  const { protocol } = new URL(apiUrl);
  const lanUrls = isOnLan ? lanAddresses().map((host) => `${protocol}//${host}:${port}`) : [];
  return formatBanner({ apiUrl, metricsUrl: metrics, lanUrls, ...fleet }, paint);
}

/** Starts neuron, then the gateway with it as a node, and writes the ready file; fills `daemons` as they start. */
async function startBoth(
  options: UpOptions,
  daemons: Daemons,
  signal: AbortSignal,
): Promise<RunningBoth> {
  const { env, configFile, modelsFile, neuronConfigFile, isOnLan } = options;
  const { config, joined } = loadGatewayConfig({ file: configFile, modelsFile, env });
  const stateDir = stateDirectory(env);
  createStateFolders(stateDir, ['models', 'neuron', 'up']);
  const runFolder = createRunFolder(stateDir);
  const hooks = (name: string) => ({
    name,
    readyFile: join(runFolder, `${name}.json`),
    onLine: (line: string) => showLine(options, name, line),
    onEvent: (event: DaemonEvent) => options.terminal.print(describe(name, event)),
  });

  const ofNeuron = hooks('neuron');
  const neuron = startDaemon({
    ...ofNeuron,
    ready: NeuronReady,
    launch: neuronLaunch({
      env,
      configFile: neuronConfigFile,
      stateDir,
      readyFile: ofNeuron.readyFile,
    }),
  });
  daemons.neuron = neuron;
  const first = await neuron.started;
  signal.throwIfAborted();
  const ofGateway = hooks('cortex');
  const gateway = startDaemon({
    ...ofGateway,
    ready: GatewayReady,
    launch: gatewayLaunch({
      env,
      config,
      joined,
      configFile,
      modelsFile,
      readyFile: ofGateway.readyFile,
      isOnLan,
      node: () => neuron.ready ?? first,
    }),
  });
  daemons.gateway = gateway;
  const { api, metrics } = await gateway.started;
  const keyFile = adminKeyFile(config.value);
  // The other commands find the admin key of this gateway through this file.
  writeFileSync(join(runFolder, KEY_POINTER), keyFile);
  const apiUrl = localUrl(api);
  if (options.readyFile !== undefined) {
    const { node } = neuron.ready ?? first;
    writeReadyFile(options.readyFile, { pid: process.pid, api: apiUrl, node, metrics });
  }
  return { apiUrl, metrics, port: new URL(api).port, keyFile };
}

/** Replaces the wildcard address of a listener by the loopback address. */
function localUrl(url: string): string {
  const parsed = new URL(url);
  if (parsed.hostname === '0.0.0.0' || parsed.hostname === '[::]') parsed.hostname = '127.0.0.1';
  return parsed.origin;
}

function showLine({ terminal, paint }: UpOptions, name: string, line: string): void {
  const text = formatLogLine(line.trimEnd(), { name, paint });
  if (text !== undefined) terminal.print(text);
}

function describe(name: string, event: DaemonEvent): string {
  return event.kind === 'restarted'
    ? `${name} is running again.`
    : `${name} has ended (${event.cause}); restarting it.`;
}
