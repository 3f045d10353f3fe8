import type { Engine, EngineConnection } from '../engine.ts';

/** The same engine behind the same messages, within this process (`isolation = "none"`, and the conformance suite). */
export function inProcessEngine(_engine: Engine): Promise<EngineConnection> {
  throw new Error('not yet');
}
