import { CortexError } from '@cortex/protocol';
import {
  type BrowserRules,
  type Clock,
  createRecordWriter,
  listen,
  type Listener,
  type Logger,
  ProcessMetrics,
  SECRET_LOOK_MS,
  STDERR,
  systemClock,
  writeReadyFile,
} from '@cortex/service';

import { type AdminPeers, createAdminAccess } from './admin/admin-access.ts';
import { addAdminRoutes } from './admin/admin-routes.ts';
import { CatalogueEdits } from './admin/catalogue-edits.ts';
import { FleetFeed } from './admin/fleet-feed.ts';
import { addJoinRoutes } from './admin/join-routes.ts';
import { Joining } from './admin/joining.ts';
import { createApi } from './api/api-routes.ts';
import { dialectOf } from './api/dialect.ts';
import { Principals } from './api/principal.ts';
import { type GatewayConfig } from './config/gateway-config.ts';
import {
  type GatewayConfigInput,
  joinedFolder,
  type LoadedGatewayConfig,
  modelsFileFor,
} from './config/load-gateway-config.ts';
import { toAliases, toCatalogue, toControlConfig } from './config/to-control-settings.ts';
import { type Control, type ControlSettings } from './control/control.ts';
import { createControl } from './control/create-control.ts';
import { WORDS } from './control/words.ts';
import { createMetricsPage } from './metering/metrics-page.ts';
import { FleetMetrics } from './metering/fleet-metrics.ts';
import { RecentRequests } from './metering/recent-requests.ts';
import { RequestMetrics } from './metering/request-metrics.ts';
import { Deadlines } from './proxy/deadlines.ts';
import { NodeTransport } from './wire/node-transport.ts';
import { type ProxyLimits } from './proxy/exchange.ts';
import { OpenExchanges } from './proxy/open-exchanges.ts';
import { CONFIG_LOOK_MS, WatchedConfig } from './watch-config.ts';
import { GatewaySecrets } from './watch-secrets.ts';

const MIB = 2 ** 20;
/** Interval between the checks that the nodes of unanswered requests are up. */
const NODE_CHECK_MS = 1000;
/** Interval at which the series of removed models and nodes are dropped, even without scrapes. */
const METRICS_SWEEP_MS = 60_000;
/** How long a record may wait for others: one write per record would cost more than the record itself. */
const RECORD_DELAY_MS = 25;
/** Time that finished answers have to leave the socket. */
const DRAIN_MS = 1000;

export interface GatewayOptions extends LoadedGatewayConfig {
  /** Where it was read from, to be read again when a file changes; undefined: never. */
  readonly input?: GatewayConfigInput | undefined;
  /** Written once both listeners are open. */
  readonly readyFile?: string | undefined;
  /** Which peers may call the admin API; `any` when absent. */
  readonly adminPeers?: AdminPeers | undefined;
  readonly log: Logger;
  /** `systemClock` when absent. */
  readonly clock?: Clock | undefined;
  /** Writes request records, in whole lines; stderr when absent. */
  readonly writeRecords?: (text: string) => void;
  /** Idle limit of client connections, in seconds; absent: `IDLE_LIMIT_S`. */
  readonly idleLimitS?: number | undefined;
}

/** A gateway that is listening. */
export interface RunningGateway {
  /** Base URL of the client API. */
  readonly apiUrl: string;
  readonly metricsUrl: string;
  readonly control: Control;
  /** Reads the configuration, the certificate, the node token and the admin key again, under running requests. */
  reload(): void;
  /** `gateway.shutdown_grace_s` as it is now, ms. */
  graceMs(): number;
  /** Refuses new requests, waits up to `graceMs` for running ones, then ends them (behaviour 47). Idempotent. */
  close(graceMs: number): Promise<void>;
}

const limitsOf = ({ gateway, timeouts, queue }: GatewayConfig): ProxyLimits => ({
  maxBodyBytes: gateway.max_body_mb * MIB,
  streamIdleMs: timeouts.stream_idle_s * 1000,
  stallMs: timeouts.stall_s * 1000,
  notesLoads: queue.loading_notes,
});

const browsersOf = ({ gateway }: GatewayConfig): BrowserRules => ({
  corsOrigins: gateway.cors_origins,
  allowedHosts: gateway.allowed_hosts,
  isOpen: (_method, path) => !/^\/admin(?:\/|$)/.test(path),
  keys: { corsOrigins: 'gateway.cors_origins', allowedHosts: 'gateway.allowed_hosts' },
});

/** Waits up to `ms` until written answers have been sent, then closes all connections. */
async function stopWithin(listener: Listener, ms: number, clock: Clock): Promise<void> {
  const late = Promise.withResolvers<void>();
  const cancelTimer = clock.setTimer(ms, late.resolve);
  await Promise.race([listener.stop('drain'), late.promise]);
  cancelTimer();
  await listener.stop('now');
}

/**
 * Starts the gateway: control, client API, metrics.
 *
 * @throws ConfigError when an address or a secret of the configuration cannot be used.
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { log } = options;
  const { value: config, origins } = options.config;
  for (const warning of [...options.config.warnings, ...options.models.warnings]) log.warn(warning);
  const secrets = new GatewaySecrets(options.config, {
    log,
    onNodeToken: () => control.reconfigure(settings()),
  });
  const watched = new WatchedConfig({
    loaded: options,
    input: options.input,
    log,
    prepare: ({ config: next, tls }) => {
      const applySecrets = secrets.prepare(next);
      return () => {
        applySecrets();
        Object.assign(limits, limitsOf(next.value));
        principals.trust(next.value.gateway.trusted_proxies);
        listener.setBrowsers(browsersOf(next.value));
        control.reconfigure(settings());
        if (listener.setTls(tls))
          log.info({ api: listener.url }, 'listening with a new certificate');
      };
    },
  });
  const limits = limitsOf(config);
  const settings = (): ControlSettings => ({
    config: toControlConfig(watched.loaded.config.value, {
      shared: secrets.nodeToken,
      own: watched.loaded.ownTokens,
    }),
    catalogue: toCatalogue(watched.loaded.models.value),
    aliases: toAliases(watched.loaded.models.value),
  });

  const clock = options.clock ?? systemClock;
  const transport = new NodeTransport(clock);
  const control: Control = createControl({ ...settings(), log, clock, transport });
  const requestMetrics = new RequestMetrics();
  const records = createRecordWriter(options.writeRecords ?? ((text) => STDERR.write(text)), {
    delayMs: RECORD_DELAY_MS,
  });
  // The log level filters events of the process, not records: all records are written, or none.
  const logRecord = log.level === 'silent' ? () => undefined : records;
  const requests = new RecentRequests();
  const feed = new FleetFeed({
    control,
    every: (everyMs, run) => clock.every(everyMs, run),
    view: { activity: control, words: WORDS },
  });
  const deadlines = new Deadlines(clock);
  const processMetrics = new ProcessMetrics('cortex');
  const metricsPage = createMetricsPage({
    requests: requestMetrics,
    fleet: new FleetMetrics(),
    process: processMetrics,
    snapshot: () => control.snapshot(),
    activity: control,
  });

  const metrics = listen({
    listen: config.gateway.metrics_listen,
    key: 'gateway.metrics_listen',
    origins,
    envPrefix: 'CORTEX_',
    log,
    fetch: metricsPage,
  });
  const exchanges = new OpenExchanges(clock);
  const stopTicking = [
    processMetrics.watchEventLoop(),
    clock.every(NODE_CHECK_MS, () => exchanges.checkNodes(clock.nowMs())),
    clock.every(SECRET_LOOK_MS, () => secrets.refresh()),
    clock.every(CONFIG_LOOK_MS, () => watched.refresh()),
    clock.every(METRICS_SWEEP_MS, () => requestMetrics.keep(control.snapshot())),
  ];
  const principals = new Principals(config.gateway.trusted_proxies);
  const api = createApi({
    control,
    proxy: {
      control,
      deadlines,
      exchanges,
      log,
      limits,
    },
    meter: {
      metrics: requestMetrics,
      log,
      writeRecord: (record) => {
        requests.add(record);
        logRecord(record);
      },
      nowMs: () => clock.nowMs(),
    },
    principals,
    idleLimitS: options.idleLimitS,
    metricsUrl: () => metrics.url,
    createdS: Math.floor(Date.now() / 1000),
  });
  const admin = {
    checkAccess: createAdminAccess({ key: secrets.adminKey, peers: options.adminPeers ?? 'any' }),
    log,
    idleLimitS: options.idleLimitS,
  };
  addAdminRoutes(api, {
    ...admin,
    control,
    feed,
    requests,
    edits: new CatalogueEdits({
      control,
      modelsFile: () => modelsFileFor(watched.loaded),
      reload: () => watched.reload(),
    }),
    restartRequired: () => watched.restartRequired,
  });
  addJoinRoutes(api, {
    ...admin,
    joining: new Joining({
      nowMs: () => clock.nowMs(),
      folder: () => joinedFolder(watched.loaded.config.value),
      nodes: () => watched.loaded.config.value.neurons,
      reload: () => watched.reload(),
      log,
    }),
    clientAddress: (headers, peer) => principals.addressOf(headers, peer),
  });
  let listener: Listener;
  try {
    listener = listen({
      listen: config.gateway.listen,
      key: 'gateway.listen',
      origins,
      envPrefix: 'CORTEX_',
      log,
      idleLimitS: options.idleLimitS,
      tls: options.tls,
      fetch: (request, server) => api.fetch(request, { server }),
      browsers: browsersOf(config),
      dialectOf,
    });
  } catch (error) {
    await metrics.stop('now');
    throw error;
  }
  const writeLast = (): void => records.flush();
  process.once('exit', writeLast);
  control.start();
  if (options.readyFile !== undefined) {
    writeReadyFile(options.readyFile, {
      pid: process.pid,
      api: listener.url,
      metrics: metrics.url,
    });
  }
  let closing: Promise<void> | undefined;
  const close = (graceMs: number): Promise<void> => {
    closing ??= (async () => {
      const reason = new CortexError('shutting_down', 'cortex is shutting down.', {
        retryAfterS: 5,
      });
      const closed = exchanges.close(graceMs, reason);
      await control.close();
      await closed;
      feed.close();
      await stopWithin(listener, DRAIN_MS, clock);
      await metrics.stop('now');
      for (const stop of stopTicking) stop();
      transport.close();
      deadlines.close();
      records.flush();
      process.off('exit', writeLast);
    })();
    return closing;
  };
  log.info({ api: listener.url, metrics: metrics.url, nodes: config.neurons.length }, 'listening');
  return {
    apiUrl: listener.url,
    metricsUrl: metrics.url,
    control,
    reload: () => {
      // First which files they are in.
      watched.reload();
      secrets.reload();
    },
    graceMs: () => watched.loaded.config.value.gateway.shutdown_grace_s * 1000,
    close,
  };
}
