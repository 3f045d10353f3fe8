import type { EngineDevice } from '@cortex/engine';

import type { StartEngine } from './start-engine.ts';

/** Which devices the engine can use here, asked of one that is started for it and ended again. */
export async function probeDevices(start: StartEngine): Promise<readonly EngineDevice[]> {
  const started = await start({
    modelId: 'device probe',
    onLog: () => undefined,
    signal: AbortSignal.timeout(30_000),
  });
  try {
    return await started.connection.devices();
  } finally {
    await started.connection.close(0);
  }
}
