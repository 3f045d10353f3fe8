export { BUILD, type Build, versionText } from './build.ts';
export type { Clock } from './clock.ts';
export { resolveConfigPath } from './config/config-path.ts';
export { ConfigError, type ConfigPlace } from './config/config-error.ts';
export { type ConfigOrigins, keyError, problemAt } from './config/config-origin.ts';
export { positiveSeconds, seconds } from './config/duration.ts';
export {
  type AddedFolder,
  type ConfigInput,
  loadConfig,
  type LoadedConfig,
  type MergedDirectory,
} from './config/load-config.ts';
export { formatKeyPath, isTree } from './config/key-path.ts';
export { readTomlFile } from './config/toml-file.ts';
export { type ConfiguredFile, readSecretFile, type SecretFile } from './config/secret-file.ts';
export { SECRET_LOOK_MS, type SecretCheck, WatchedSecrets } from './config/watched-secrets.ts';
export { nearestName } from './config/nearest-name.ts';
export { type ConfigKey, configJsonSchema, listConfigKeys } from './config/schema-shape.ts';
export { type BrowserRules } from './http/browser-guard.ts';
export { allowedHosts, corsOrigins, corsWarnings } from './http/origin-rules.ts';
export { routePath } from './http/request-target.ts';
export { networkOf, plainAddress } from './http/client-address.ts';
export { type BodyLimits, MAX_BODY_MIB, namingEncoding, readBody } from './http/body.ts';
export { ClientConnection, IDLE_LIMIT_S } from './http/client-connection.ts';
export { errorResponse, type ErrorResponseOptions } from './http/error-response.ts';
export { EventFeed, type FeedChange } from './http/event-feed.ts';
export * from './http/exposition.ts';
export { ProcessMetrics } from './http/process-metrics.ts';
export { listen, type Listener, type ListenOptions } from './http/listen.ts';
export { type ListenAddress, listenAddress, parseListen } from './http/listen-address.ts';
export { checkTlsPair, readTlsIdentity, type TlsIdentity } from './http/tls-identity.ts';
export { EVENT_STREAM_HEADERS, streamResponse } from './http/stream-response.ts';
export { createRequestId, requestIdOf } from './http/request-id.ts';
export {
  createJoinToken,
  formatJoinToken,
  type JoinToken,
  parseJoinToken,
} from './join/join-token.ts';
export { seal, unseal } from './join/sealed-body.ts';
export { LineSink } from './line-sink.ts';
export { createLogger, type LogDestination, type Logger, STDERR } from './log.ts';
export { type Backoff, backoff } from './process/backoff.ts';
export { hideFalseDefaults } from './process/command-help.ts';
export { refuseEmptyValues } from './process/command-values.ts';
export { assertFetchLimit } from './process/fetch-limit.ts';
export { endWithParent } from './process/parent-pipe.ts';
export { installHangup } from './process/hangup.ts';
export { writeReadyFile } from './process/ready-file.ts';
export { installShutdown, type Shutdown, type ShutdownOptions } from './process/shutdown.ts';
export {
  type Child,
  type ChildExit,
  type ChildOptions,
  spawnChild,
} from './process/spawn-child.ts';
export { isSystemError, systemReason } from './system-reason.ts';
export { createStateFolders, stateDirectory } from './process/state-directory.ts';
export { createRecordWriter, type RecordWriter } from './record-writer.ts';
export { systemClock, ticker } from './system-clock.ts';
export { Ticker } from './ticker.ts';
export { type WholeFile, writeWholeFiles } from './whole-files.ts';
