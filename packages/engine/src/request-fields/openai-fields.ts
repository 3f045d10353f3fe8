import { anyValue, empty, honoured, only, refused, refusedFor, tolerated } from '@cortex/protocol';

import type { FieldGroup } from './field-group.ts';

const NOT_READ = 'describes the request for a service that keeps records';

/** Nothing but the format "text". */
const textFormat = {
  words: '`{"type": "text"}`',
  has: (value: unknown) =>
    typeof value === 'object' && value !== null && 'type' in value && value.type === 'text',
};

const onlyText = {
  words: '`["text"]`',
  has: (value: unknown) => Array.isArray(value) && value.every((kind) => kind === 'text'),
};

/** `best_of` asks for the best of so many answers: of as many as are returned it picks none. */
const asManyAsN = {
  words: 'as many as `n`, or fewer',
  has: (value: unknown, { n }: Readonly<Record<string, unknown>>) =>
    typeof value === 'number' && value <= (typeof n === 'number' ? n : 1),
};

/** Fields of OpenAI's own references. */
export const OPENAI_FIELDS: readonly FieldGroup[] = [
  {
    knownTo: 'OpenAI',
    routes: ['chat', 'completions'],
    fields: {
      model: honoured('the model, an alias, or `id@node`'),
      stream: honoured('server-sent events'),
      stream_options: honoured('`include_usage`; `include_obfuscation` has no effect'),
      max_tokens: honoured(
        'tokens of an answer; `-1`: as far as the context reaches. /v1/completions writes 16 without it',
      ),
      max_completion_tokens: honoured('as `max_tokens`, and over it'),
      temperature: honoured('0 to 100; 0 takes the most likely token. Default 1'),
      top_p: honoured('0 to 1. Default 1'),
      seed: honoured('whole number of 64 bits, also as a string; `-1` and absent: random'),
      frequency_penalty: honoured('-2 to 2, over the answer'),
      presence_penalty: honoured('-2 to 2, over the answer'),
      logit_bias: honoured('-100 to 100 by token id; -100 bans'),
      stop: honoured('a string or up to 64 of them; empty ones say nothing'),
      n: honoured('answers to the same prompt, each in a slot of its own'),
      user: tolerated('names the conversation for routing'),
      metadata: tolerated('`user_id` names the conversation for routing'),
      prompt_cache_key: tolerated('names the conversation for routing'),
      safety_identifier: tolerated(NOT_READ),
      prompt_cache_retention: tolerated('prefixes are kept as the operator set it'),
      service_tier: tolerated('there is one tier'),
      store: tolerated('answers are not stored'),
      prediction: tolerated('changes how fast an answer comes, not what it is'),
      best_of: refused(asManyAsN, 'n'),
    },
  },
  {
    knownTo: 'OpenAI',
    routes: ['chat'],
    fields: {
      messages: honoured('the conversation; a last message of the assistant is continued'),
      tools: honoured('functions that the model may call', empty),
      tool_choice: honoured(
        '`none`, `auto`, `required` (or `any`), one function, or `allowed_tools`; enforced',
        anyValue,
      ),
      parallel_tool_calls: honoured('`false`: one call per answer', anyValue),
      response_format: honoured(
        '`text`, `json_object` (with a `schema` too) or `json_schema`; enforced',
        textFormat,
      ),
      logprobs: honoured('`true`: log-probabilities of the tokens of the content'),
      top_logprobs: honoured('0 to 20 likeliest tokens beside each; needs `logprobs`', only(0)),
      reasoning_effort: honoured(
        '`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`: as the template knows efforts; else `none` and `minimal` switch thoughts off, the others on',
        anyValue,
      ),
      functions: honoured('the older form of `tools`, answered as `function_call`', empty),
      function_call: honoured('the older form of `tool_choice`', anyValue),
      suffix: refused(empty),
      audio: refused(),
      modalities: refused(onlyText),
      verbosity: refused(only('medium')),
      web_search_options: refused(),
      moderation: refused(),
    },
  },
  {
    knownTo: 'OpenAI',
    routes: ['completions'],
    fields: {
      prompt: honoured('a string, token ids, or up to 128 of either; each is answered `n` times'),
      suffix: honoured(
        'the text behind the gap that is filled, for models whose vocabulary has tokens for it (capability `insert`)',
        empty,
      ),
      logprobs: honoured('0 to 20 likeliest tokens beside each token'),
      echo: honoured(
        '`true`: the prompt before the answer; not together with `logprobs`',
        only(false),
      ),
    },
  },
  {
    knownTo: 'OpenAI',
    routes: ['embeddings'],
    fields: {
      model: honoured('the model, an alias, or `id@node`'),
      input: honoured('a string, token ids, or up to 2,048 of either'),
      encoding_format: honoured('`float` or `base64`'),
      dimensions: honoured('length of the vectors, where the model was trained for it'),
      user: tolerated(NOT_READ),
    },
  },
  {
    knownTo: 'Jina, Cohere',
    routes: ['rerank'],
    fields: {
      model: honoured('the model, an alias, or `id@node`'),
      query: honoured('what the documents are ranked for'),
      documents: honoured('up to 2,048 strings or objects with `text`'),
      top_n: honoured('so many best results'),
      return_documents: honoured('`true`: each result with its document'),
      texts: refusedFor('documents'),
      rank_fields: refused(empty),
      max_chunks_per_doc: refused(),
      max_tokens_per_doc: refused(),
      truncate: refused(only(false)),
    },
  },
];
