import { CortexError, isJsonObject } from '@cortex/protocol';

import type { SamplerConfig, Token } from '../native-types.ts';
import { NO_LIMIT } from './body-values.ts';
import type { SamplingBody } from './chat-body.ts';
import { toSamplerSeed } from './seed.ts';

/** How the answers of one request are sampled and where they end. */
export interface Sampling {
  readonly config: Omit<SamplerConfig, 'seed' | 'tokenBiasKeys' | 'tokenBiasValues'>;
  /** Seed of the first choice. Each further choice adds one. */
  readonly seed: number;
  readonly bias: ReadonlyMap<Token, number>;
  readonly penalties: Penalties | undefined;
  readonly stop: readonly string[];
  readonly ignoreEos: boolean;
  /** Undefined and infinite: up to the context length. */
  readonly maxTokens: number | undefined;
  readonly choices: number;
}

export interface Penalties {
  readonly repeat: number;
  readonly presence: number;
  readonly frequency: number;
}

/** The longest stop string. A longer one is probably a mistake, and it would be compared at every token. */
const MAX_STOP_CHARS = 4096;

/**
 * Below this temperature the most likely token is taken, because logits divided by less overflow a 32-bit float and all
 * tokens become equally likely. At this temperature a difference of 0.0001 between logits already decides.
 */
const MIN_TEMPERATURE = 1e-6;

/** OpenAI's defaults, not the library's (top_k 40, top_p 0.95, the second as seed). */
const DEFAULTS = { temperature: 1, top_p: 1, top_k: 0, min_p: 0 } as const;

/** Names under which a GGUF file recommends sampling settings (`general.sampling.*`). */
const RECOMMENDED_NAMES: Readonly<Record<string, string>> = {
  temp: 'temperature',
  temperature: 'temperature',
  top_k: 'top_k',
  top_p: 'top_p',
  min_p: 'min_p',
  penalty_repeat: 'repeat_penalty',
};

/** Undefined if absent in the body; infinite for no limit. */
function maxTokensOf(body: SamplingBody): number | undefined {
  const count = body.max_completion_tokens ?? body.max_tokens ?? body.n_predict;
  return count === NO_LIMIT ? Infinity : count;
}

/** The recommendation in a model file, in the names of request fields. Unknown settings are dropped. */
export function recommendedParams(
  sampling: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(sampling)) {
    const name = RECOMMENDED_NAMES[key];
    // Files contain 32-bit floats: 0.2 is read as 0.20000000298.
    if (name !== undefined && typeof value === 'number')
      params[name] = Number(value.toPrecision(6));
  }
  return params;
}

const THINKING_FIELDS = ['enable_thinking', 'think', 'reasoning_effort', 'reasoning', 'thinking'];

/** Names of one setting. A layer that sets one of them overrides all of them. */
const SYNONYMS: readonly (readonly string[])[] = [
  ['max_tokens', 'max_completion_tokens', 'n_predict'],
  ['repeat_penalty', 'repetition_penalty'],
  ['tools', 'functions'],
  ['tool_choice', 'function_call'],
  THINKING_FIELDS,
  ['thinking_budget_tokens', 'reasoning_budget_tokens', 'thinking_token_budget', 'thinking_budget'],
];

/** Template variables that the fields for reasoning set. */
const THINKING_VARIABLES = ['enable_thinking', 'thinking', 'reasoning_effort'] as const;

type Layer = Readonly<Record<string, unknown>>;

/**
 * Merges the body over `layers`, the first of which has the highest priority. An absent or null field comes from a
 * lower layer. `chat_template_kwargs` are merged key by key.
 */
export function withDefaults(body: Layer, layers: readonly Layer[]): Record<string, unknown> {
  let merged: Record<string, unknown> = {};
  for (const layer of [...layers.toReversed(), body]) merged = mergeLayers(merged, layer);
  return merged;
}

function mergeLayers(below: Layer, layer: Layer): Record<string, unknown> {
  let merged: Record<string, unknown> = { ...below };
  for (const names of SYNONYMS) if (setsOneOf(layer, names)) merged = without(merged, names);
  const kwargs = below['chat_template_kwargs'];
  if (setsOneOf(layer, THINKING_FIELDS) && isJsonObject(kwargs))
    merged['chat_template_kwargs'] = without(kwargs, THINKING_VARIABLES);
  const own = layer['chat_template_kwargs'];
  if (isJsonObject(own) && setsOneOf(own, THINKING_VARIABLES))
    merged = without(merged, THINKING_FIELDS);
  const set = Object.entries(layer).filter(([, value]) => isSet(value));
  const added = set.map(([key, value]): [string, unknown] => {
    const known = merged[key];
    const isMerged = key === 'chat_template_kwargs' && isJsonObject(known) && isJsonObject(value);
    return [key, isMerged ? { ...known, ...value } : value];
  });
  // Not by assignment, which would take a member with the name `__proto__` for the prototype.
  return Object.fromEntries([...Object.entries(merged), ...added]);
}

const setsOneOf = (layer: Layer, names: readonly string[]): boolean =>
  names.some((name) => isSet(layer[name]));

const without = (record: Layer, keys: readonly string[]): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).filter(([key]) => !keys.includes(key)));

const isSet = (value: unknown): boolean => value !== null && value !== undefined;

/**
 * @param defaultTokens - For a body without a limit; absent: no limit.
 * @throws CortexError `invalid_request` for a stop string that is too long.
 */
export function readSampling(body: SamplingBody, defaultTokens?: number): Sampling {
  // Clients send empty strings for no stop string.
  const stop = [body.stop ?? []].flat().filter((text) => text !== '');
  for (const text of stop) {
    if (text.length <= MAX_STOP_CHARS && text.isWellFormed()) continue;
    throw new CortexError(
      'invalid_request',
      `Each string in "stop" must have at most ${MAX_STOP_CHARS} characters and no unpaired surrogates.`,
      { param: 'stop' },
    );
  }
  const penalties: Penalties = {
    repeat: body.repeat_penalty ?? body.repetition_penalty ?? 1,
    presence: body.presence_penalty ?? 0,
    frequency: body.frequency_penalty ?? 0,
  };
  const isPenalised =
    penalties.repeat !== 1 || penalties.presence !== 0 || penalties.frequency !== 0;
  const temperature = body.temperature ?? DEFAULTS.temperature;
  const topK = body.top_k ?? DEFAULTS.top_k;
  return {
    config: {
      temperature: temperature < MIN_TEMPERATURE ? 0 : temperature,
      ...(topK > 0 && { topK }),
      topP: body.top_p ?? DEFAULTS.top_p,
      minP: body.min_p ?? DEFAULTS.min_p,
    },
    seed: toSamplerSeed(body.seed),
    bias: new Map(
      Object.entries(body.logit_bias ?? {}).map(([token, value]) => [
        Number(token),
        value <= -100 ? -Infinity : value,
      ]),
    ),
    penalties: isPenalised ? penalties : undefined,
    stop,
    ignoreEos: body.ignore_eos ?? false,
    maxTokens: maxTokensOf(body) ?? defaultTokens,
    choices: body.n ?? 1,
  };
}
