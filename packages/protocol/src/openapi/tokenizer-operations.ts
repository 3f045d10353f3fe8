/** The routes for tokens, which neuron has, and cortex the first two of. They take fields of llama-server and of vLLM. */
import { z } from 'zod';

import { DetokenizeAnswer, TokenizeAnswer } from '../vectors.ts';
import type { Operation } from './operation.ts';

const model = z.string();
const flag = z.boolean().nullish();

/** Exactly one of `content`, `prompt`, `text` and `messages`. */
const TokenizeCall = z.looseObject({
  model,
  content: z.string().optional(),
  prompt: z.string().optional(),
  text: z.string().optional(),
  messages: z.array(z.looseObject({ role: z.string() })).optional(),
  add_special: flag,
  add_special_tokens: flag,
  parse_special: flag,
  with_pieces: flag,
  return_token_strs: flag,
});

const ChatBody = z.looseObject({ model, messages: z.array(z.looseObject({ role: z.string() })) });

const TOKENIZE: Operation = {
  method: 'post',
  path: '/tokenize',
  id: 'tokenize',
  tag: 'tokens',
  summary: "A text or a chat as tokens, by the model's own tokenizer; loads nothing",
  body: TokenizeCall,
  answers: { 200: TokenizeAnswer },
};

const DETOKENIZE: Operation = {
  method: 'post',
  path: '/detokenize',
  id: 'detokenize',
  tag: 'tokens',
  summary: 'Tokens as text; loads nothing',
  body: z.looseObject({ model, tokens: z.array(z.int().min(0)) }),
  answers: { 200: DetokenizeAnswer },
};

/** Those that cortex answers too. */
export const SHARED_TOKENIZER_OPERATIONS = [TOKENIZE, DETOKENIZE] as const;

export const TOKENIZER_OPERATIONS: readonly Operation[] = [
  ...SHARED_TOKENIZER_OPERATIONS,
  {
    method: 'post',
    path: '/apply-template',
    id: 'applyTemplate',
    tag: 'tokens',
    summary: 'The prompt that the template of the model makes of a chat',
    body: ChatBody,
    answers: { 200: z.looseObject({ prompt: z.string() }) },
  },
  {
    method: 'post',
    path: '/count-tokens',
    id: 'countTokens',
    tag: 'tokens',
    summary: 'The tokens of the prompt of a chat',
    body: ChatBody,
    answers: { 200: z.looseObject({ input_tokens: z.int() }) },
  },
];
