/** The GPU of a Mac, which the engine uses through Metal. It shares the memory of the host. */
import { type AskEngine, askWithin } from './ask-engine.ts';
import type { DeviceSource, SourceReading } from './device-source.ts';
import { type Exclusions, isExcluded } from './exclusions.ts';
import type { GpuSources } from './gpu-sources.ts';

export function createMetalSource(options: {
  readonly tools: Pick<GpuSources, 'hasMetal'>;
  readonly ask: AskEngine;
  readonly exclude: Exclusions;
  /** MiB. */
  readonly ramTotalMib: number;
}): DeviceSource {
  const { tools, ask, exclude, ramTotalMib } = options;
  let known: SourceReading | undefined;

  async function find(): Promise<SourceReading> {
    const [gpu] = await askWithin(ask, { backend: 'metal', env: {} });
    if (!gpu) throw new Error('the library finds no GPU');
    const device = {
      index: 0,
      name: gpu.name,
      kind: 'metal' as const,
      totalMib: gpu.totalMib ?? ramTotalMib,
      env: {},
    };
    return { devices: isExcluded(device, exclude) ? [] : [device] };
  }

  return {
    name: 'metal',
    async read() {
      if (tools.hasMetal !== true) return { devices: [] };
      try {
        // It has no readings that change.
        return (known ??= await find());
      } catch (error) {
        const cause = error instanceof Error ? error.message : String(error);
        return {
          devices: [],
          unavailableReason: `The engine cannot open the GPU of this Mac: ${cause}`,
          isFailure: true,
        };
      }
    },
  };
}
