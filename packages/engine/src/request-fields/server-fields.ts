import {
  empty,
  type FieldRule,
  honoured,
  only,
  refused,
  refusedFor,
  tolerated,
  upTo,
} from '@cortex/protocol';

import type { FieldGroup } from './field-group.ts';

const SPEED = tolerated('changes how fast an answer comes, not what it is');
const RESIDENCY = tolerated('the operator decides how long a model stays loaded');
const UNUSED = tolerated('has a meaning only beside a field that is refused');
const FORMAT = 'response_format';

/** A name for `tools`, `response_format` and the like under which a grammar is asked for. */
const GRAMMAR: FieldRule = refused(empty, FORMAT);

/** Fields of llama-server's reference beside OpenAI's. */
const LLAMA_SERVER: FieldGroup = {
  knownTo: 'llama-server',
  routes: ['chat', 'completions'],
  fields: {
    n_predict: honoured('as `max_tokens`'),
    top_k: honoured('0 and -1: all tokens. Default 0'),
    min_p: honoured('0 to 1. Default 0'),
    repeat_penalty: honoured('0.01 to 10, over the answer; 1: none'),
    ignore_eos: honoured('`true`: an answer goes on to its length'),
    n_cmpl: refused(only(1), 'n'),
    repeat_last_n: refused(only(-1)),
    typical_p: refused(only(1)),
    top_n_sigma: refused(upTo(0)),
    min_keep: refused(upTo(1)),
    mirostat: refused(only(0)),
    mirostat_tau: UNUSED,
    mirostat_eta: UNUSED,
    dynatemp_range: refused(only(0)),
    dynatemp_exponent: UNUSED,
    dry_multiplier: refused(only(0)),
    dry_base: UNUSED,
    dry_allowed_length: UNUSED,
    dry_penalty_last_n: UNUSED,
    dry_sequence_breakers: UNUSED,
    xtc_probability: refused(only(0)),
    xtc_threshold: UNUSED,
    adaptive_target: refused(upTo(-1)),
    adaptive_decay: UNUSED,
    samplers: refused(empty),
    backend_sampling: SPEED,
    n_probs: refused(only(0), 'logprobs'),
    post_sampling_probs: refused(only(false)),
    grammar: GRAMMAR,
    grammar_type: UNUSED,
    grammar_lazy: UNUSED,
    grammar_triggers: UNUSED,
    preserved_tokens: refused(empty),
    json_schema: refusedFor(FORMAT),
    n_indent: refused(only(0)),
    n_keep: tolerated('a full context ends an answer, nothing is shifted out'),
    n_discard: tolerated('a full context ends an answer, nothing is shifted out'),
    n_cache_reuse: SPEED,
    cache_prompt: tolerated('a prefix is reused where that changes nothing'),
    id_slot: tolerated('the scheduler chooses the slot'),
    t_max_prompt_ms: refused(upTo(0)),
    t_max_predict_ms: refused(upTo(0)),
    lora: refused(empty, 'lora of models.toml'),
    response_fields: refused(empty),
    return_tokens: refused(only(false)),
    return_progress: refused(only(false)),
    timings_per_token: refused(only(false)),
    verbose: refused(only(false)),
    sse_ping_interval: tolerated('a silent stream carries a comment every 5 seconds'),
    input_extra: refused(empty),
    input_prefix: refused(empty),
    input_suffix: refused(empty),
  },
};

/** What llama-server and vLLM read of a chat beside its messages. */
const CHAT_TEMPLATE: FieldGroup = {
  knownTo: 'llama-server, vLLM',
  routes: ['chat'],
  fields: {
    chat_template_kwargs: honoured('variables of the template', empty),
    add_generation_prompt: honoured(
      '`false`: the prompt ends behind the last message. `true`: a new answer is begun, whoever spoke last',
      only(true),
    ),
    continue_final_message: honoured(
      '`true`: the last message is the beginning of the answer; `false`: it is not. Default: where it is the assistant’s',
      only(false),
    ),
    documents: honoured('where the template knows them', empty),
    chat_template: refusedFor('the template in the model file'),
    thinking_budget_tokens: honoured(
      'tokens of thoughts at most, then the answer begins; `-1`: no limit',
      only(-1),
    ),
    reasoning_budget_tokens: honoured('as `thinking_budget_tokens`', only(-1)),
    thinking_token_budget: honoured('as `thinking_budget_tokens`', only(-1)),
    reasoning_format: refused(only('auto', 'deepseek', 'parsed')),
    reasoning_control: refused(only(false)),
    reasoning_in_content: refused(only(false)),
    reasoning_budget_message: refused(empty),
    reasoning_budget_start_tag: refused(empty),
    reasoning_budget_end_tag: refused(empty),
    reasoning_budget_end_tags: refused(empty),
    include_reasoning: refused(only(true)),
    thinking_forced_open: refused(only(false)),
    parse_tool_calls: refused(only(true)),
    generation_prompt: refused(empty),
    chat_format: refused(),
    chat_parser: refused(empty),
    media_io_kwargs: tolerated('the engine reads no images'),
    mm_processor_kwargs: tolerated('the engine reads no images'),
  },
};

/** Fields of vLLM's reference beside those. */
const VLLM: FieldGroup = {
  knownTo: 'vLLM',
  routes: ['chat', 'completions'],
  fields: {
    repetition_penalty: honoured('as `repeat_penalty`'),
    use_beam_search: refused(only(false)),
    length_penalty: refused(only(1)),
    early_stopping: refused(only(false)),
    stop_token_ids: refused(empty, 'stop'),
    include_stop_str_in_output: refused(only(false)),
    min_tokens: refused(only(0)),
    skip_special_tokens: refused(only(true)),
    spaces_between_special_tokens: refused(only(true)),
    truncate_prompt_tokens: refused(),
    truncation_side: UNUSED,
    prompt_logprobs: refused(),
    logprob_token_ids: refused(empty),
    allowed_token_ids: refused(empty, 'logit_bias'),
    bad_words: refused(empty, 'logit_bias'),
    logits_processors: refused(empty),
    structured_outputs: refusedFor(FORMAT),
    guided_json: refusedFor(FORMAT),
    guided_regex: refusedFor(FORMAT),
    guided_choice: refusedFor(FORMAT),
    guided_grammar: refusedFor(FORMAT),
    guided_decoding_backend: UNUSED,
    guided_whitespace_pattern: UNUSED,
    priority: refused(only(0)),
    request_id: tolerated('the header `x-request-id` names a request'),
    session_id: tolerated('the header `x-session-id` names a conversation'),
    return_tokens_as_token_ids: refused(only(false)),
    return_token_ids: refused(only(false)),
    return_token_offsets: refused(only(false)),
    return_prompt_text: refused(only(false), '/apply-template'),
    return_mm_kwargs: tolerated('the engine reads no images'),
    routed_experts_prompt_start: refused(only(0)),
    cache_salt: refused(),
    kv_transfer_params: refused(),
    ec_transfer_params: refused(),
    vllm_xargs: refused(empty),
    repetition_detection: refused(),
    watermarking: refused(only(false)),
    stream_interval: tolerated('every step of the engine is sent as it comes'),
    prompt_embeds: refused(),
  },
};

/** Whether a BOS is put before the prompt: as templates do it, and as completions have it. */
const SPECIAL_TOKENS: readonly FieldGroup[] = [
  { knownTo: 'vLLM', routes: ['chat'], fields: { add_special_tokens: refused(only(false)) } },
  { knownTo: 'vLLM', routes: ['completions'], fields: { add_special_tokens: refused(only(true)) } },
  { knownTo: 'vLLM', routes: ['chat'], fields: { echo: refused(only(false)) } },
];

const OLLAMA: readonly FieldGroup[] = [
  {
    knownTo: 'Ollama',
    routes: ['chat', 'completions'],
    fields: {
      options: refused(empty, 'temperature, top_p and the other fields of the body'),
      format: refused(empty, FORMAT),
      keep_alive: RESIDENCY,
      template: refusedFor('the template in the model file'),
      system: refused(empty, 'messages'),
      raw: refused(only(false)),
      context: refused(empty),
      images: refused(empty),
      truncate: refused(only(false)),
      shift: refused(only(false)),
      _debug_render_only: refused(only(false), '/apply-template'),
    },
  },
  {
    knownTo: 'Ollama',
    routes: ['chat'],
    fields: {
      think: honoured('`true`, `false`, or an effort as in `reasoning_effort`', only(false)),
      reasoning: honoured(
        '`effort` as `reasoning_effort`, `enabled` as `enable_thinking`, `max_tokens` as `thinking_budget_tokens`; `summary` has no effect',
        empty,
      ),
    },
  },
];

const LM_STUDIO: FieldGroup = {
  knownTo: 'LM Studio',
  routes: ['chat', 'completions'],
  fields: {
    ttl: RESIDENCY,
    draft_model: SPEED,
    context_overflow_policy: refused(only('stopAtLimit')),
    context_length: refusedFor('context_length of models.toml'),
  },
};

/** Vectors: what the same servers read there. */
const VECTORS: FieldGroup = {
  knownTo: 'llama-server, vLLM, Ollama',
  routes: ['embeddings', 'rerank'],
  fields: {
    truncate_prompt_tokens: refused(),
    truncation_side: UNUSED,
    add_special_tokens: refused(only(true)),
    priority: refused(only(0)),
    mm_processor_kwargs: tolerated('the engine reads no images'),
    keep_alive: RESIDENCY,
    options: refused(empty),
    ttl: RESIDENCY,
    embd_normalize: refused(only(2)),
    normalize: refused(only(true)),
    use_activation: refused(only(true)),
    instruction: refused(empty),
  },
};

const EMBEDDINGS: FieldGroup = {
  knownTo: 'llama-server, vLLM, Jina, Cohere',
  routes: ['embeddings'],
  fields: {
    content: refusedFor('input'),
    messages: refusedFor('input'),
    input_type: refused(),
    task: refused(),
    truncate: refused(only(false, 'NONE')),
    late_chunking: refused(only(false)),
    embedding_type: refused(only('float')),
    embed_dtype: refused(only('float32')),
  },
};

export const SERVER_FIELDS: readonly FieldGroup[] = [
  LLAMA_SERVER,
  CHAT_TEMPLATE,
  VLLM,
  ...SPECIAL_TOKENS,
  ...OLLAMA,
  LM_STUDIO,
  VECTORS,
  EMBEDDINGS,
];
