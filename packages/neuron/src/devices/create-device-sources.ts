import type { Logger } from '@cortex/service';

import type { AskEngine } from './ask-engine.ts';
import type { DeviceSource } from './device-source.ts';
import { EngineCheck } from './engine-check.ts';
import type { Exclusions } from './exclusions.ts';
import type { GpuSources } from './gpu-sources.ts';
import { createMetalSource } from './metal-source.ts';
import { createNvidiaSource } from './nvidia/nvidia-source.ts';
import { createVulkanSource } from './vulkan-source.ts';

/** The sources of every kind of GPU that the engine can use. NVIDIA comes first, so that its indexes are those of its tool. */
export function createDeviceSources(options: {
  readonly sources: GpuSources;
  readonly probe: AskEngine;
  readonly exclude: Exclusions;
  /** MiB. */
  readonly ramTotalMib: number;
  readonly nowMs: () => number;
  readonly log: Logger;
}): readonly DeviceSource[] {
  const { sources: tools, probe: ask, exclude, ramTotalMib, nowMs, log } = options;
  const { readOsRelease } = tools;
  return [
    createNvidiaSource({
      tools,
      exclude,
      ramTotalMib,
      check: new EngineCheck({ ask, log, nowMs, readOsRelease }),
    }),
    createVulkanSource({ tools, ask, exclude, nowMs }),
    createMetalSource({ tools, ask, exclude, ramTotalMib }),
  ];
}
