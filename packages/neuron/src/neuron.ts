/** The daemon: composition, start and close. */
import { join, resolve } from 'node:path';

import {
  type Listener,
  listen,
  type LoadedConfig,
  type Logger,
  MAX_BODY_MIB,
  parseListen,
  ProcessMetrics,
  SECRET_LOOK_MS,
  type Ticker,
  ticker as processTicker,
  writeReadyFile,
} from '@cortex/service';

import { Admission } from './admission/admission.ts';
import { createAccess } from './api/access.ts';
import { createApi, isOpenToPages } from './api/app.ts';
import { createNodeFeed } from './api/node-feed.ts';
import { watchTokens } from './api/node-token.ts';
import { AwakeClock } from './awake-clock.ts';
import { cpuMemoryMib, isLoopback, type NeuronConfig, readOwnTls } from './config.ts';
import { DeviceMonitor } from './devices/device-monitor.ts';
import { type GpuSources, LOCAL_GPU_SOURCES } from './devices/gpu-sources.ts';
import { readFreeRamMib } from './devices/host-facts.ts';
import { MemoryLedger } from './devices/memory-ledger.ts';
import { composeHarnesses } from './compose-harnesses.ts';
import { Drain } from './drain.ts';
import { RoomClaims } from './room-claims.ts';
import { createGate } from './gate.ts';
import { probeDevices } from './harness/llama/probe-devices.ts';
import { SlotStates } from './harness/llama/slot-states.ts';
import {
  engineProcesses,
  enginesInProcess,
  llamaCommand,
  type StartEngine,
} from './engines/start-engine.ts';
import { LoadModes } from './harness/llama/load-mode/load-modes.ts';
import { measureReads } from './harness/llama/load-mode/measure-reads.ts';
import { PulseGroup } from './harness/pulse.ts';
import { Activation } from './models/activation.ts';
import { LearnedNeeds } from './models/learned-needs.ts';
import { ModelLogs } from './models/model-logs.ts';
import { Models } from './models/models.ts';
import { Yielding } from './models/yielding.ts';
import { type Pause, pauseFor } from './pause.ts';
import { createProcessRecords, endLeftoverProcesses } from './processes/process-records.ts';
import { NodeState } from './node-state.ts';
import { FileFactsStore } from './probe/file-facts.ts';
import { Probe } from './probe/probe.ts';
import { PROBE_ID, ProbeProcess } from './probe/probe-process.ts';
import { lockState } from './state-lock.ts';
import { StateWriter } from './state-writer.ts';
import { readHubSettings } from './store/hub/hub-settings.ts';
import { ModelStore } from './store/model-store.ts';
import { createRemoteAccess } from './store/plan-pull.ts';
import { type FreeBytes, readFreeBytes } from './store/pull/disk-space.ts';
import { unreadableFolders } from './unreadable-folders.ts';
import { PRODUCT_VERSION } from './version.ts';

/** A body of the largest size also fits after cortex has replaced its model name. */
const MODEL_NAME_BYTES = 4096;
const MAX_BODY_BYTES = MAX_BODY_MIB * (1 << 20) + MODEL_NAME_BYTES;
/** New files in a models folder are listed within this time. */
const SCAN_MS = 5000;
/** Saved slots of a model whose file is gone are deleted within this time. */
const STATES_SWEEP_MS = 60_000;
/** Pauses before the respawns that follow the first, second and third death of an engine. */
const RESPAWN_PAUSES_MS = [500, 2000, 8000] as const;

export interface NeuronOptions {
  readonly config: LoadedConfig<NeuronConfig>;
  readonly log: Logger;
  /** The environment, for the variables of the Hugging Face tools; absent: none is set. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Path of the file to write once the daemon listens. */
  readonly readyFile?: string | undefined;
  /** Parts that tests replace. */
  readonly parts?: NeuronParts | undefined;
}

export interface NeuronParts {
  readonly startEngine?: StartEngine | undefined;
  /** How the probe's process is started; absent: as other engine processes. */
  readonly startProbe?: StartEngine | undefined;
  /** CPU time after which a chat template counts as endless. */
  readonly templateWorkMs?: number | undefined;
  readonly gpuSources?: GpuSources | undefined;
  readonly freeRamMib?: (() => number) | undefined;
  readonly ticker?: Ticker | undefined;
  /** Where programs are looked for; absent: `PATH`. */
  readonly searchPath?: string | undefined;
  readonly maxBodyBytes?: number | undefined;
  /** Idle limit of client connections, in seconds. */
  readonly idleLimitS?: number | undefined;
  readonly respawnPauseMs?: ((deaths: number) => number) | undefined;
  /** How long a load without waiters continues. */
  readonly abandonMs?: number | undefined;
  readonly pulls?: PullParts | undefined;
  /** The pause before default models are tried again. */
  readonly pause?: Pause | undefined;
}

/** Parts of the downloads that tests replace. */
export interface PullParts {
  readonly pause?: Pause | undefined;
  readonly freeBytes?: FreeBytes | undefined;
  /** Monotonic. */
  readonly nowMs?: (() => number) | undefined;
  /** A connection without data for this long is replaced. */
  readonly stallMs?: number | undefined;
  /** PEM certificates that are trusted for `https:` sources, besides those of the system. */
  readonly ca?: string | undefined;
}

export interface RunningNeuron {
  /** Base URL of the API, reachable from this machine. */
  readonly url: string;
  /** Reads the node token again. */
  reload(): void;
  /** Refuses new work, gives requests in flight `graceMs` to finish, ends the engines and the listener. */
  close(graceMs: number): Promise<void>;
}

const respawnPauseMs = (deaths: number): number =>
  RESPAWN_PAUSES_MS[Math.min(deaths, RESPAWN_PAUSES_MS.length) - 1] ?? RESPAWN_PAUSES_MS[0];

/** Replaces a wildcard address, which clients cannot call. */
const callableUrl = ({ url }: Listener): string =>
  url.replace('//0.0.0.0:', '//127.0.0.1:').replace('//[::]:', '//[::1]:');

/**
 * Starts the daemon. The port is bound when this returns; default models are loaded after that.
 *
 * @throws ConfigError if it cannot start with this configuration
 */
export async function startNeuron(options: NeuronOptions): Promise<RunningNeuron> {
  const { config, log, readyFile } = options;
  const neuron = await createNeuron(options);
  for (const warning of [...config.warnings, ...unreadableFolders(config)]) log.warn(warning);
  try {
    await neuron.start();
  } catch (error) {
    await neuron.close(0);
    throw error;
  }
  const url = neuron.url();
  const { tlsFingerprint } = neuron;
  if (readyFile !== undefined) {
    writeReadyFile(readyFile, { pid: process.pid, node: url, tls_fingerprint: tlsFingerprint });
  }
  log.info({ url, tls_fingerprint: tlsFingerprint }, 'neuron is listening');
  return { url, reload: neuron.reload, close: (graceMs) => neuron.close(graceMs) };
}

async function createNeuron({ config: loaded, log, env = {}, parts = {} }: NeuronOptions) {
  const { value: config, origins } = loaded;
  const ticker = parts.ticker ?? processTicker;
  const every = (everyMs: number, run: () => void): (() => void) => ticker.every(everyMs, run);
  const stateDir = resolve(config.state_dir);
  const modelsDir = resolve(config.models_dir);
  const enginesDir = join(stateDir, 'engines');
  const { hostname } = parseListen(config.listen);
  const tokenFile = config.security.node_token_file;
  const token =
    tokenFile === undefined ? undefined : watchTokens({ file: tokenFile, origins }, log);
  const access = createAccess({ token, isLoopback: isLoopback(hostname) });
  const tls = readOwnTls({ value: config, origins }, Date.now());
  for (const warning of tls?.warnings ?? []) log.warn(warning);
  const unlock = lockState(stateDir, origins);
  endLeftoverProcesses(enginesDir, log);
  const writer = new StateWriter(log);

  let listener: Listener | undefined;
  const ownUrl = (): string => (listener ? callableUrl(listener) : '');
  const ending = new AbortController();
  const gate = createGate();
  const logs = new ModelLogs();
  const processMetrics = new ProcessMetrics('neuron');
  const records = createProcessRecords(enginesDir, writer);
  const startProcess = engineProcesses({
    command: llamaCommand(config.engine.runtime),
    records,
  });
  const startEngine =
    parts.startEngine ?? (config.engine.isolation === 'none' ? enginesInProcess : startProcess);
  const clock = new AwakeClock(every);
  const createProbeProcess = (onGpu?: () => () => void): ProbeProcess =>
    new ProbeProcess({
      // A process even with isolation "none", because it must be possible to kill a hanging probe.
      start: parts.startProbe ?? startProcess,
      every,
      clock,
      onLog: (line) => logs.add(PROBE_ID, line),
      onGpu,
    });
  const hub = readHubSettings(env);
  const gpuSources = parts.gpuSources ?? LOCAL_GPU_SOURCES;
  const devices = new DeviceMonitor({
    sources: gpuSources,
    probe: (question, signal) => probeDevices(parts.startProbe ?? startProcess, question, signal),
    exclude: config.devices.exclude,
    storagePaths: [...new Set([modelsDir, hub.cacheDir ?? modelsDir, stateDir])],
    every,
    log,
  });
  const ledger = new MemoryLedger({
    cpuMemoryMib: cpuMemoryMib(config, devices.host.ramTotalMib),
    reserveMib: config.devices.reserve_mb,
    fillRatio: config.devices.yield_at === 0 ? 1 : config.devices.yield_at,
    devices: () => devices.gpus,
    refresh: () => devices.refresh(),
  });
  const probe = new Probe({
    cpu: createProbeProcess(),
    gpu: createProbeProcess(() => ledger.trackProbe()),
    facts: new FileFactsStore(join(stateDir, 'probe'), { version: PRODUCT_VERSION, writer }),
    templateWorkMs: parts.templateWorkMs,
    nowMs: () => clock.nowMs(),
    log,
  });
  const states = new SlotStates({
    directory: join(stateDir, 'slots'),
    maxMib: config.engine.state_disk_mb,
    writer,
    log,
  });
  const pulses = new PulseGroup(every, clock);
  const harnesses = composeHarnesses(loaded, {
    start: startEngine,
    probe,
    states,
    loadModes: new LoadModes({
      setting: config.engine.load_mode,
      memoryPath: join(stateDir, 'read-speeds.json'),
      writer,
      ramBytes: devices.host.ramTotalMib * 2 ** 20,
      measure: measureReads,
      log,
    }),
    freeRamMib: parts.freeRamMib ?? readFreeRamMib,
    startupTimeoutMs: config.engine.startup_timeout_s * 1000,
    wedgeMs: config.engine.wedge_s * 1000,
    respawnPauseMs: parts.respawnPauseMs ?? respawnPauseMs,
    every,
    clock,
    log,
    onLog: (name, line) => logs.add(name, line),
    ownUrl,
    pulses,
    records,
    gpuSources,
    searchPath: parts.searchPath ?? process.env['PATH'] ?? '',
  });
  const admission = new Admission({
    maxQueueDepth: config.admission.max_queue_depth,
    maxWaitMs: config.admission.max_wait_secs * 1000,
    maxPerPrincipal: config.admission.max_per_principal,
  });
  const store = new ModelStore({
    modelsDir,
    modelsDirs: config.models_dirs,
    fileRoots: config.security.file_roots,
    remote: createRemoteAccess({
      hub,
      modelsDir,
      httpsHosts: config.security.https_hosts,
      ca: parts.pulls?.ca,
    }),
    downloads: {
      freeBytes: parts.pulls?.freeBytes ?? readFreeBytes,
      minFreeBytes: config.min_free_disk_mb * 2 ** 20,
      pause: parts.pulls?.pause ?? pauseFor,
      stallMs: parts.pulls?.stallMs,
    },
    headersDir: join(stateDir, 'headers'),
    nowMs: parts.pulls?.nowMs ?? (() => performance.now()),
    log,
  });
  const state = new NodeState({ path: join(stateDir, 'node.json'), writer, every, log });
  const drain = new Drain({ state, every });
  const models = new Models({
    state,
    checkLoad: () => drain.checkLoad(),
    ledger,
    learned: new LearnedNeeds(join(stateDir, 'memory-needs.json'), writer),
    harnesses,
    store,
    devices,
    admission,
    log,
    abandonMs: parts.abandonMs,
  });
  const yielding = new Yielding({
    yieldAt: config.devices.yield_at,
    devices: () => devices.gpus,
    ledger,
    models: () => models.loaded(),
    log,
  });
  const events = createNodeFeed({
    models,
    admission,
    devices,
    ledger,
    yielding,
    gate,
    drain,
    every,
  });
  const activation = new Activation(config.default_models, {
    models,
    log,
    signal: ending.signal,
    pause: parts.pause ?? pauseFor,
  });
  const api = createApi(
    {
      models,
      store,
      harnesses,
      admission,
      devices,
      ledger,
      yielding,
      activation,
      logs,
      processMetrics,
      access,
      gate,
      drain,
      claims: new RoomClaims(),
      events,
      ownUrl,
      maxBodyBytes: parts.maxBodyBytes ?? MAX_BODY_BYTES,
      idleLimitS: parts.idleLimitS,
      startedAtMs: performance.now(),
    },
    log,
  );
  const stopTicking = [
    processMetrics.watchEventLoop(),
    every(SCAN_MS, () => void models.rescan()),
    every(SECRET_LOOK_MS, () => void token?.refresh()),
    every(1000, () => models.sweep(performance.now())),
    every(1000, () => yielding.sweep()),
    every(STATES_SWEEP_MS, () => void logged(states.sweep())),
  ];

  async function logged(looking: Promise<void>): Promise<void> {
    await looking.catch((error: unknown) => {
      log.warn({ err: error }, 'saved slots could not be checked');
    });
  }

  /** The wait for requests in flight ends after the grace period. */
  async function finishRequests(graceMs: number): Promise<void> {
    const over = Promise.withResolvers<void>();
    const timer = setTimeout(over.resolve, graceMs);
    const idle = models.loaded().map(({ id }) => admission.whenIdle(id));
    await Promise.race([Promise.all(idle), over.promise]);
    clearTimeout(timer);
  }

  return {
    url: ownUrl,
    tlsFingerprint: tls?.fingerprint,
    reload: () => token?.reload(),
    async start(): Promise<void> {
      // The models on disk are known before the first request.
      await store.refresh();
      listener = listen({
        listen: config.listen,
        key: 'listen',
        origins,
        envPrefix: 'NEURON_',
        log,
        idleLimitS: parts.idleLimitS,
        tls,
        fetch: (request, server) => api.fetch(request, { server }),
        browsers: {
          corsOrigins: config.security.cors_origins,
          allowedHosts: config.security.allowed_hosts,
          isOpen: isOpenToPages,
          keys: { corsOrigins: 'security.cors_origins', allowedHosts: 'security.allowed_hosts' },
        },
      });
      for (const harness of harnesses.all) await harness.start?.();
      await logged(states.start());
      void activation.run();
    },
    async close(graceMs: number): Promise<void> {
      gate.close();
      ending.abort(new Error('the daemon shuts down'));
      await Promise.all([finishRequests(graceMs), store.close()]);
      models.close();
      await Promise.all(harnesses.all.map(async (harness) => harness.stop?.(0)));
      for (const stop of stopTicking) stop();
      events.close();
      drain.close();
      state.close();
      devices.close();
      pulses.close();
      await listener?.stop('now');
      unlock();
    },
  };
}
