export * from './engine/connection.ts';
export * from './engine/engine.ts';
export * from './engine/generate.ts';
export * from './engine/load.ts';
export * from './engine/memory.ts';
export * from './engine/stats.ts';
export * from './engine/vectors.ts';
export * from './request-fields/index.ts';
export * from './transport/engine-channel.ts';
export {
  connectInProcess,
  inProcessEngine,
  type InProcessOptions,
} from './transport/in-process-engine.ts';
export {
  ENGINE_COMMAND,
  ENGINE_ENV_OF_RUNTIME,
  ENGINE_FOLDER,
  ENGINE_WORKER_PATH,
} from './engine-files.ts';
export { type LibraryFiles, libraryFiles, type LibraryVariant } from './library-files.ts';
export { PrincipalQueue } from './principal-queue.ts';
export * as engineProtocol from './protocol/index.ts';
export { LogLines } from './transport/log-lines.ts';
export { processChannel } from './transport/process-channel.ts';
export { serveEngine } from './transport/serve-engine.ts';
export { tokenName } from './token-name.ts';
export { spawnEngine, type SpawnEngineOptions } from './transport/spawn-engine.ts';
