import { CortexError } from '@cortex/protocol';

/**
 * Fields of other engines and services that change an answer and that this engine cannot honour, each with the values
 * that ask for nothing. Whatever is not listed and not read either changes no answer (`user`, `metadata`, `store`,
 * `service_tier`, `prediction`, `prompt_cache_key`, `safety_identifier`, …) or is unknown to everybody.
 */
const UNSUPPORTED: Readonly<Record<string, (value: unknown) => boolean>> = {
  // OpenAI
  audio: never,
  modalities: (value) => Array.isArray(value) && value.every((kind) => kind === 'text'),
  verbosity: is('medium'),
  web_search_options: never,
  moderation: never,
  echo: is(false),
  suffix: is(''),
  best_of: is(1),
  // llama.cpp, vLLM, Ollama and TGI: lengths by other names
  n_predict: is(-1),
  max_new_tokens: never,
  truncate_prompt_tokens: never,
  // llama.cpp and others: samplers
  typical_p: is(1),
  typ_p: is(1),
  top_a: is(0),
  tfs_z: is(1),
  top_n_sigma: isAtMost(0),
  mirostat: is(0),
  dynatemp_range: is(0),
  dry_multiplier: is(0),
  xtc_probability: is(0),
  min_tokens: is(0),
  min_keep: isAtMost(1),
  use_beam_search: is(false),
  length_penalty: is(1),
  bad_words: isEmpty,
  stop_token_ids: isEmpty,
  allowed_token_ids: isEmpty,
  include_stop_str_in_output: is(false),
  skip_special_tokens: is(true),
  // llama.cpp and others: what an answer must look like
  grammar: is(''),
  json_schema: never,
  guided_json: never,
  guided_regex: never,
  guided_choice: never,
  guided_grammar: never,
  format: is(''),
  options: (value) => typeof value === 'object' && Object.keys(value ?? {}).length === 0,
  structured_outputs: never,
  prompt_logprobs: never,
};

/** @throws CortexError `unsupported_parameter` naming the first field of `body` that asks for what this engine lacks. */
export function checkSupported(body: Readonly<Record<string, unknown>>): void {
  for (const [param, value] of Object.entries(body)) {
    const asksNothing = Object.hasOwn(UNSUPPORTED, param) ? UNSUPPORTED[param] : undefined;
    if (asksNothing === undefined || value === null || value === undefined) continue;
    if (asksNothing(value)) continue;
    throw new CortexError('unsupported_parameter', `"${param}" is not supported by this engine.`, {
      param,
    });
  }
}

function never(): boolean {
  return false;
}

function is(neutral: unknown): (value: unknown) => boolean {
  return (value) => value === neutral;
}

function isAtMost(most: number): (value: unknown) => boolean {
  return (value) => typeof value === 'number' && value <= most;
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
