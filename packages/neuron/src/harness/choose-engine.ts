/** Which engine loads a GGUF file for which the load call names none (behaviour 26b). */
import { CortexError } from '@cortex/protocol';

import type { GgufHarness, HarnessFiles } from './harness.ts';
import type { LoadSettings } from './load-settings.ts';

/** The engine, and why it is not ours. */
export interface EngineChoice {
  readonly harness: GgufHarness;
  readonly reason?: string | undefined;
  /** The load drafts with the prediction layers (MTP) of the model. */
  readonly draftsWithMtp: boolean;
  /** Human-readable: what the load goes without. */
  readonly warnings: readonly string[];
}

/** The engines that a load without a named one chooses from. */
interface Engines {
  readonly own: GgufHarness;
  /** The llama-server of this machine; undefined if there is none. */
  readonly other: GgufHarness | undefined;
  /** Whether `other` can draft with prediction layers. */
  readonly otherDraftsWithMtp: boolean;
}

/** What a load needs that our engine cannot do. */
interface Gap {
  readonly reason: string;
  /** What the load goes without on our engine. */
  readonly warning: string;
}

/** A gap that a setting asks for; without another engine the load is refused. */
interface AskedGap {
  readonly reason: string;
  readonly param: string;
}

const HOW = 'Run `neuron build llama-server`, or put a llama-server on the PATH.';

const PROJECTOR: Gap = {
  reason: 'it reads images with a projector (mmproj)',
  warning: `its projector is not used: images need a llama-server. ${HOW}`,
};
const PREDICTION: Gap = {
  reason: 'it drafts with its own prediction layers (MTP)',
  warning: `its prediction layers (MTP) are not used: drafting with them needs a llama-server with --spec-type draft-mtp. ${HOW}`,
};

/** What the settings themselves ask for. */
function askedGap({ nCpuMoe, mmproj = 'auto' }: LoadSettings): AskedGap | undefined {
  if (typeof nCpuMoe === 'number' && nCpuMoe > 0) {
    return { reason: 'it keeps experts in RAM (n_cpu_moe)', param: 'n_cpu_moe' };
  }
  if (mmproj === 'auto' || mmproj === 'off') return undefined;
  return { reason: PROJECTOR.reason, param: 'mmproj' };
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

/** Our own engine, except for what it cannot do. */
export function chooseEngine(files: HarnessFiles, engines: Engines): EngineChoice {
  const { own, other, otherDraftsWithMtp } = engines;
  const gaps = [
    ...(files.mmprojPath === undefined ? [] : [PROJECTOR]),
    ...(files.predictionLayers === undefined ? [] : [PREDICTION]),
  ];
  const isClosed = (gap: Gap): boolean =>
    other !== undefined && (gap !== PREDICTION || otherDraftsWithMtp);
  const warnings = gaps.filter((gap) => !isClosed(gap)).map(({ warning }) => warning);
  const closed = gaps.filter(isClosed);
  const reason = (askedGap(files.settings) ?? closed[0])?.reason;
  if (!other || reason === undefined) return { harness: own, draftsWithMtp: false, warnings };
  return { harness: other, reason, draftsWithMtp: closed.includes(PREDICTION), warnings };
}

/** The engine that the call names, which is taken for everything. */
export async function namedEngine(
  harness: GgufHarness,
  { predictionLayers }: Pick<HarnessFiles, 'predictionLayers'>,
): Promise<EngineChoice> {
  const draftsWithMtp =
    predictionLayers !== undefined && (await harness.draftsWithMtp?.()) === true;
  return { harness, draftsWithMtp, warnings: [] };
}

/** The engines of a machine whose llama-server is `other`. Asks it for what the load needs. */
export async function enginesFor(
  { predictionLayers }: Pick<HarnessFiles, 'predictionLayers'>,
  { own, other }: Pick<Engines, 'own' | 'other'>,
): Promise<Engines> {
  const isAsked = predictionLayers !== undefined;
  return { own, other, otherDraftsWithMtp: isAsked && (await other?.draftsWithMtp?.()) === true };
}

/** A load that has failed. */
interface FailedLoad {
  readonly tried: EngineChoice;
  readonly files: HarnessFiles;
  /** Absent: the call names the engine. */
  readonly engines: Engines | undefined;
}

const isUnknownArchitecture = (error: unknown): error is CortexError =>
  error instanceof CortexError && error.details.extra?.['unknown_architecture'] === true;

/** A load without the prediction layers is slower than one with them, and better than none. */
function chooseWithoutMtp(error: unknown, { tried, files, engines }: FailedLoad): EngineChoice {
  const bare = engines
    ? chooseEngine({ ...files, predictionLayers: undefined }, engines)
    : { ...tried, draftsWithMtp: false };
  const said = error instanceof Error ? error.message : String(error);
  const warning = `its prediction layers (MTP) are not used, because the load with them failed; draft = "off" skips that attempt. The error was: ${said}`;
  return { ...bare, warnings: [...bare.warnings, warning] };
}

/** What to try after a load has failed; undefined if no other engine can be expected to do better. */
export function chooseAgain(error: unknown, failed: FailedLoad): EngineChoice | undefined {
  const { tried, engines } = failed;
  if (tried.draftsWithMtp) return chooseWithoutMtp(error, failed);
  const other = engines?.other;
  if (!other || tried.harness === other || !isUnknownArchitecture(error)) return undefined;
  return { ...tried, harness: other, reason: 'our engine does not know its architecture' };
}

/** The error with what would help, where our engine does not know the architecture and there is no other engine. */
export function withEngineHint(error: unknown): unknown {
  if (!isUnknownArchitecture(error)) return error;
  const message = `${error.message}. A newer llama-server may know it: put one on the PATH.`;
  return new CortexError(error.code, message, { ...error.details, cause: error });
}
