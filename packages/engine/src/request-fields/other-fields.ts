import { empty, honoured, only, refused, refusedFor, tolerated } from '@cortex/protocol';

import type { FieldGroup } from './field-group.ts';

const FORMAT = 'response_format';
const GENERATE = ['chat', 'completions'] as const;

/** Fields of servers and services beside the four whose clients come here most. */
export const OTHER_FIELDS: readonly FieldGroup[] = [
  {
    knownTo: 'Qwen, vLLM',
    routes: ['chat'],
    fields: {
      enable_thinking: honoured('thoughts on or off, where the template knows it', only(false)),
      thinking_budget: honoured('as `thinking_budget_tokens`', only(-1)),
    },
  },
  {
    knownTo: 'Anthropic, Z.ai',
    routes: ['chat'],
    fields: {
      thinking: honoured(
        '`type` `enabled`, `adaptive` or `disabled`, `budget_tokens` as `thinking_budget_tokens`',
      ),
    },
  },
  {
    knownTo: 'OpenAI (Responses), Gemini',
    routes: GENERATE,
    fields: { max_output_tokens: refusedFor('max_completion_tokens') },
  },
  {
    knownTo: 'SGLang',
    routes: GENERATE,
    fields: {
      regex: refused(empty, FORMAT),
      ebnf: refused(empty, FORMAT),
      structural_tag: refusedFor(FORMAT),
      min_new_tokens: refused(only(0)),
      stop_regex: refused(empty, 'stop'),
      no_stop_trim: refused(only(false)),
      separate_reasoning: refused(only(true)),
      stream_reasoning: refused(only(true)),
      lora_path: refusedFor('lora of models.toml'),
      session_params: refused(empty),
      return_hidden_states: refused(only(false)),
      custom_logit_processor: refused(),
      custom_params: refused(empty),
      rid: tolerated('the header `x-request-id` names a request'),
    },
  },
  {
    knownTo: 'TGI',
    routes: GENERATE,
    fields: {
      max_new_tokens: refusedFor('max_tokens'),
      do_sample: refusedFor('temperature'),
      truncate_inputs: refused(only(false)),
      watermark: refused(only(false)),
      decoder_input_details: refused(only(false)),
      return_full_text: refused(only(false), 'echo'),
      adapter_id: refusedFor('lora of models.toml'),
    },
  },
  {
    knownTo: 'KoboldCpp, text-generation-webui, TabbyAPI',
    routes: GENERATE,
    fields: {
      banned_strings: refused(empty, 'logit_bias'),
      banned_tokens: refused(empty, 'logit_bias'),
      custom_token_bans: refused(empty, 'logit_bias'),
      no_repeat_ngram_size: refused(only(0)),
      repetition_penalty_range: refused(only(-1)),
      encoder_repetition_penalty: refused(only(1)),
      typ_p: refused(only(1)),
      typical: refused(only(1)),
      top_a: refused(only(0)),
      tfs: refused(only(1)),
      tfs_z: refused(only(1)),
      epsilon_cutoff: refused(only(0)),
      eta_cutoff: refused(only(0)),
      penalty_alpha: refused(only(0)),
      smoothing_factor: refused(only(0)),
      guidance_scale: refused(only(1)),
      cfg_scale: refused(only(1)),
      negative_prompt: refused(empty),
      dynamic_temperature: refused(only(false)),
      temperature_last: refused(only(false)),
      sampler_order: refused(empty),
      sampler_priority: refused(empty),
      mirostat_mode: refused(only(0)),
      grammar_string: refused(empty, FORMAT),
      ban_eos_token: refused(only(false), 'ignore_eos'),
      add_bos_token: refused(only(true)),
      min_length: refused(only(0)),
      max_length: refusedFor('max_tokens'),
      stop_sequence: refused(empty, 'stop'),
      stopping_strings: refused(empty, 'stop'),
    },
  },
  {
    knownTo: 'Mistral',
    routes: GENERATE,
    fields: {
      random_seed: refusedFor('seed'),
      safe_prompt: refused(only(false)),
      prompt_mode: refused(),
      guardrails: refused(empty),
    },
  },
  {
    knownTo: 'OpenRouter',
    routes: GENERATE,
    fields: {
      models: refused(empty, 'an alias of several models'),
      transforms: refused(empty),
      plugins: refused(empty),
      provider: tolerated('the fleet chooses the node'),
      route: tolerated('the fleet chooses the node'),
      usage: tolerated('usage is always told'),
    },
  },
];
