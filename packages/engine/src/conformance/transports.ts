import type { Engine } from '../engine/engine.ts';
import { inProcessEngine } from '../transport/in-process-engine.ts';
import { spawnEngine, type SpawnEngineOptions } from '../transport/spawn-engine.ts';
import type { MakeEngine } from './subject.ts';

/** The ways of neuron to the same engine, by name: by messages in this process, and as a process. */
export function overTransports(
  create: () => Engine,
  processOptions: SpawnEngineOptions,
): readonly (readonly [string, MakeEngine])[] {
  return [
    ['in process', () => inProcessEngine(create())],
    ['as a process', () => spawnEngine(processOptions)],
  ];
}
