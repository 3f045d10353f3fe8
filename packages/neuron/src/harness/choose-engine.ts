/** Which engine loads a GGUF file for which the load call names none (behaviour 26b). */
import { CortexError } from '@cortex/protocol';

import type { GgufHarness, HarnessFiles } from './harness.ts';
import type { LoadSettings } from './load-settings.ts';

/** The engine, and why it is not ours. */
export interface EngineChoice {
  readonly harness: GgufHarness;
  readonly reason?: string | undefined;
  /** What is missing because no other engine is there. */
  readonly warning?: string | undefined;
}

/** What a load needs that our engine cannot do. */
interface Gap {
  readonly reason: string;
  /** The setting that asks for it. */
  readonly param?: string;
}

const WITH_PROJECTOR = 'it reads images with a projector (mmproj)';
const HOW = 'Run `neuron build llama-server`, or put a llama-server on the PATH.';

/** What the settings themselves ask for. */
function askedGap({ nCpuMoe, mmproj = 'auto' }: LoadSettings): Required<Gap> | undefined {
  if (typeof nCpuMoe === 'number' && nCpuMoe > 0) {
    return { reason: 'it keeps experts in RAM (n_cpu_moe)', param: 'n_cpu_moe' };
  }
  if (mmproj === 'auto' || mmproj === 'off') return undefined;
  return { reason: WITH_PROJECTOR, param: 'mmproj' };
}

/**
 * Called before the files of a load are looked for.
 *
 * @throws CortexError `unsupported_parameter` for a setting that needs the other engine where there is none
 */
export function checkEngineFor(settings: LoadSettings, other: GgufHarness | undefined): void {
  const gap = askedGap(settings);
  if (!gap || other) return;
  throw new CortexError(
    'unsupported_parameter',
    `The llama harness does not support ${gap.param}; llama-server does. ${HOW}`,
    { param: gap.param },
  );
}

/**
 * Our own engine, except for what it cannot do.
 *
 * @param other - The llama-server of this machine; undefined if there is none.
 */
export function chooseEngine(
  { settings, mmprojPath }: HarnessFiles,
  { own, other }: { readonly own: GgufHarness; readonly other: GgufHarness | undefined },
): EngineChoice {
  const beside = mmprojPath === undefined ? undefined : { reason: WITH_PROJECTOR };
  const gap = askedGap(settings) ?? beside;
  if (!gap) return { harness: own };
  if (other) return { harness: other, reason: gap.reason };
  const warning = `its projector is not used: images need a llama-server. ${HOW}`;
  return { harness: own, warning };
}

const isUnknownArchitecture = (error: unknown): error is CortexError =>
  error instanceof CortexError && error.details.extra?.['unknown_architecture'] === true;

/** The error with what would help, where our engine does not know the architecture and there is no other engine. */
export function withEngineHint(error: unknown): unknown {
  if (!isUnknownArchitecture(error)) return error;
  const message = `${error.message}. A newer llama-server may know it: put one on the PATH.`;
  return new CortexError(error.code, message, { ...error.details, cause: error });
}

/** The choice after our engine has refused a file because it is too new for it; undefined if that is not the reason. */
export function chooseForUnknown(
  error: unknown,
  other: GgufHarness | undefined,
): EngineChoice | undefined {
  if (!isUnknownArchitecture(error) || !other) return undefined;
  return { harness: other, reason: 'our engine does not know its architecture' };
}
