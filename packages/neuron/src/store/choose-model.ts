/** Chooses a model among the GGUF files of one repository. Pure. */
import { CortexError } from '@cortex/protocol';

import { isDraft } from './companions.ts';
import type { FoundFile } from './found-file.ts';
import { groupModels, type ModelFile } from './model-file.ts';
import { nearestQuants, sameQuant } from './quant-names.ts';

/** Taken if nobody names a quantisation and there are several: small, with little loss. */
const USUAL_QUANT = 'Q4_K_M';
/** Names in an error message. */
const MAX_NAMES = 12;

export interface ModelChoice {
  /** Path of a file in the repository. */
  readonly file?: string | undefined;
  readonly quant?: string | undefined;
}

const nameOf = ({ id }: ModelFile): string => `${id}.gguf`;

const list = (names: readonly string[]): string =>
  names.slice(0, MAX_NAMES).join(', ') + (names.length > MAX_NAMES ? ', …' : '');

const fail = (param: 'source' | 'quant', message: string): CortexError =>
  new CortexError('model_load_failed', message, { param });

/** The models of a repository, and its name for messages. */
interface Offer {
  readonly label: string;
  readonly models: readonly ModelFile[];
}

function modelOfFile({ label, models }: Offer, { path, name }: { path: string; name: string }) {
  const model = models.find(({ parts }) => parts.includes(path));
  if (model) return model;
  throw fail('source', `${label} has no ${name}. It has: ${list(models.map(nameOf))}.`);
}

function modelOfQuant({ label, models }: Offer, quant: string): ModelFile {
  const matching = models.filter((m) => m.quant !== undefined && sameQuant(m.quant, quant));
  const [only] = matching;
  if (only && matching.length === 1) return only;
  if (only) throw severalModels({ label: `${label} as ${quant}`, models: matching });
  const [lone] = models;
  // A file without a quantisation in its name; the engine reports the loaded one.
  if (lone && models.length === 1 && lone.quant === undefined) return lone;
  const [nearest, ...others] = nearestQuants(
    quant,
    models.flatMap((model) => model.quant ?? []),
  );
  if (nearest === undefined) throw severalModels({ label: `${label} as ${quant}`, models });
  const rest = others.length > 0 ? ` It also has ${list(others)}.` : '';
  throw fail('quant', `${label} has no ${quant}. The nearest is ${nearest}.${rest}`);
}

const severalModels = ({ label, models }: Offer): CortexError =>
  fail(
    'source',
    `${label} may be one of several files. Name one, as in source = "hf:org/repo:file.gguf": ${list(models.map(nameOf))}.`,
  );

function usualModel({ label, models }: Offer): ModelFile {
  const [only] = models;
  if (only && models.length === 1) return only;
  const usual = models.filter(({ quant }) => quant === USUAL_QUANT);
  if (usual[0] && usual.length === 1) return usual[0];
  const quants = [...new Set(models.flatMap(({ quant }) => quant ?? []))];
  if (usual.length > 1 || quants.length < 2) throw severalModels({ label, models });
  throw fail(
    'quant',
    `${label} has several quantisations. Choose one with quant: ${list(quants)}.`,
  );
}

/**
 * The model that `choice` names: a file, or else a quantisation, or else the only model or the one as `Q4_K_M`.
 *
 * @param label - The repository, for messages.
 * @param files - Its GGUF files.
 * @throws CortexError `model_load_failed` that names what there is, the nearest first
 */
export function chooseModel(
  label: string,
  files: readonly FoundFile[],
  { file, quant }: ModelChoice,
): ModelFile {
  const all = groupModels(files).models;
  if (all.length === 0) throw fail('source', `${label} has no GGUF file of a model.`);
  const main = all.filter((model) => !isDraft(model.id));
  const offer = { label, models: main.length > 0 ? main : all };
  const path = files.find(({ relativePath }) => relativePath === file)?.path ?? '';
  const model =
    file !== undefined
      ? modelOfFile({ label, models: all }, { path, name: file })
      : quant === undefined
        ? usualModel(offer)
        : modelOfQuant(offer, quant);
  if (quant !== undefined && model.quant !== undefined && !sameQuant(model.quant, quant)) {
    throw fail('quant', `${file} of ${label} is ${model.quant}, not ${quant}.`);
  }
  if (model.missingPart === undefined) return model;
  throw fail('source', `${label} lacks ${model.missingPart}, a part of ${model.id}.`);
}
