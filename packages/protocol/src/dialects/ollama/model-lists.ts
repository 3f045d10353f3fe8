/** `/api/tags`, `/api/ps`, `/api/show` and `/api/version`. */
import { z } from 'zod';

import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import type { ListedModel } from '../../listed-model.ts';
import { readModelField } from '../../model-field.ts';
import { readShape } from '../../read-shape.ts';
import { baseName, digestOf, familyOf, sizeOf } from './model-facts.ts';
import { toOllamaName } from './model-name.ts';
import { toCreatedAt } from './write-answer.ts';

/**
 * The version of Ollama whose API this is. Clients refuse older ones: VS Code below 0.6.4, others below 0.14.2.
 */
const OLLAMA_VERSION = '0.15.0';

/** The end of the time that Ollama's own clients can hold, for a model that stays until room is needed. */
const FOREVER = '2262-04-11T00:00:00Z';

const BYTES_PER_MB = 1 << 20;

/** Ollama's names of capabilities, in its order. */
const CAPABILITIES = [
  ['text', 'completion'],
  ['tools', 'tools'],
  ['insert', 'insert'],
  ['vision', 'vision'],
  ['embedding', 'embedding'],
  ['reasoning', 'thinking'],
] as const;

/** A model of which nothing is known yet can complete text: clients hide models that cannot. */
function capabilitiesOf({ capabilities }: ListedModel): readonly string[] {
  if (capabilities.length === 0) return ['completion'];
  return CAPABILITIES.flatMap(([ours, theirs]) => (capabilities.includes(ours) ? [theirs] : []));
}

/** Unknown members are empty: clients with fixed types refuse a list without them. */
function detailsOf({ id, quantization }: ListedModel) {
  const family = familyOf(id);
  return {
    parent_model: '',
    format: 'gguf',
    family,
    families: [family],
    parameter_size: sizeOf(id)?.text ?? '',
    quantization_level: quantization ?? '',
  };
}

/** Memory of the largest replica, in bytes; 0: unknown. */
const memoryOf = ({ locations }: ListedModel): number =>
  Math.round(Math.max(0, ...locations.map(({ vram_mb: mb }) => mb ?? 0)) * BYTES_PER_MB);

/** When its file changed; where that is unknown, when cortex started. */
const modifiedAt = ({ modified_at: modified, created }: ListedModel): string =>
  modified ?? toCreatedAt(created);

function entryOf(model: ListedModel, names: ReadonlySet<string>) {
  const name = toOllamaName(model.id, names);
  return {
    name,
    model: name,
    digest: digestOf(`${model.id}\n${model.quantization ?? ''}`),
    details: detailsOf(model),
  };
}

const namesOf = (models: readonly ListedModel[]): ReadonlySet<string> =>
  new Set(models.map(({ id }) => id));

/** `GET /api/tags`: all models of `/v1/models`, in its order. */
export function toOllamaTags(models: readonly ListedModel[]): JsonObject {
  const names = namesOf(models);
  return {
    models: models.map((model) => ({
      ...entryOf(model, names),
      // A model of an external server has no file on a node.
      size: model.size_bytes ?? memoryOf(model),
      modified_at: modifiedAt(model),
    })),
  };
}

/** `GET /api/ps`: those that are loaded. */
export function toOllamaPs(models: readonly ListedModel[]): JsonObject {
  const names = namesOf(models);
  return {
    models: models
      .filter(({ loaded }) => loaded)
      .map((model) => ({
        ...entryOf(model, names),
        size: memoryOf(model),
        expires_at: FOREVER,
        size_vram: memoryOf(model),
        context_length: model.limit?.context,
      })),
  };
}

const ShowShape = z.looseObject({
  model: z.string().nullish(),
  /** Older clients have it in place of `model`. */
  name: z.string().nullish(),
});

/**
 * The model that a body of `POST /api/show` names.
 *
 * @throws CortexError `missing_model_field`, or `invalid_request` for what cannot be a name
 */
export function readOllamaShow(body: unknown): string {
  const { model, name } = readShape(ShowShape, body);
  const asked = readModelField(model) ?? readModelField(name);
  if (asked === undefined)
    throw new CortexError(
      'missing_model_field',
      'The body has no "model": name one of GET /api/tags.',
      { param: 'model' },
    );
  return asked;
}

/** `POST /api/show`. */
export function toOllamaShow(model: ListedModel): JsonObject {
  const { id, limit } = model;
  const capabilities = capabilitiesOf(model);
  const family = familyOf(id);
  return {
    license: '',
    modelfile: `FROM ${id}\n`,
    // Editors read the context from here where they do not know the architecture.
    parameters: limit === undefined ? '' : `num_ctx ${limit.context}`,
    // Editors take a template with a suffix as the sign of a model that fills in.
    template: capabilities.includes('insert') ? '{{ .Prompt }}{{ .Suffix }}' : '{{ .Prompt }}',
    details: detailsOf(model),
    model_info: {
      'general.architecture': family,
      'general.basename': baseName(id),
      'general.parameter_count': sizeOf(id)?.count,
      [`${family}.context_length`]: limit?.context,
    },
    capabilities,
    modified_at: modifiedAt(model),
  };
}

/** `GET /api/version`. */
export const toOllamaVersion = (): JsonObject => ({ version: OLLAMA_VERSION });
