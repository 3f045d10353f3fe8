/** Tokenizer routes of neuron, asked of llama-server or vLLM. */
import { CortexError, isJsonObject } from '@cortex/protocol';
import { z } from 'zod';

import { parseBody } from '../../json-body.ts';
import type { TokenizerRoute } from '../harness.ts';
import { toTokenizerBody } from './forward-body.ts';
import { callUpstream } from './upstream.ts';
import { toCortexError } from './upstream-error.ts';
import type { UpstreamServing } from './upstream-target.ts';

type Body = Readonly<Record<string, unknown>>;
type Ask = (path: string, body: object) => Promise<Body>;

const Tokens = z.looseObject({ tokens: z.array(z.unknown()) });
const Prompt = z.looseObject({ prompt: z.string() });

const lengthOf = (answer: Body): number => parseBody(answer, Tokens).tokens.length;

/** The members that neuron gives under both names. */
const asText = ({ content, prompt }: Body): object => {
  const text = content ?? prompt;
  return { content: text, prompt: text };
};

/** A rendered chat has its special tokens as text. */
async function tokenizeChat(body: Body, ask: Ask): Promise<Body> {
  const { prompt } = parseBody(await ask('/apply-template', body), Prompt);
  return ask('/tokenize', { content: prompt, add_special: true, parse_special: true });
}

async function tokenizeText(body: Body, ask: Ask): Promise<Body> {
  const { content, prompt, text, add_special, add_special_tokens, ...rest } = body;
  return ask('/tokenize', {
    ...rest,
    content: content ?? prompt ?? text,
    add_special: add_special ?? add_special_tokens ?? prompt !== undefined,
  });
}

const LLAMA_SERVER = {
  '/tokenize': async (body, ask) => {
    const isChat = body['messages'] !== undefined;
    const answer = await (isChat ? tokenizeChat(body, ask) : tokenizeText(body, ask));
    return { ...answer, count: lengthOf(answer) };
  },
  '/detokenize': async (body, ask) => asText(await ask('/detokenize', body)),
  '/apply-template': (body, ask) => ask('/apply-template', body),
  '/count-tokens': async (body, ask) => ({ input_tokens: lengthOf(await tokenizeChat(body, ask)) }),
} as const satisfies Record<TokenizerRoute, (body: Body, ask: Ask) => Promise<object>>;

const VLLM = {
  '/tokenize': ({ content, text, ...rest }, ask) =>
    ask('/tokenize', { prompt: content ?? text, ...rest }),
  '/detokenize': async (body, ask) => asText(await ask('/detokenize', body)),
  '/apply-template': () => {
    throw new CortexError('wrong_modality', 'vLLM has no route to render a template.');
  },
  '/count-tokens': async (body, ask) => ({
    input_tokens: lengthOf(await ask('/tokenize', body)),
  }),
} as const satisfies Record<TokenizerRoute, (body: Body, ask: Ask) => Promise<object>>;

const SERVERS = { llamacpp: LLAMA_SERVER, vllm: VLLM } as const;

/** @throws CortexError what the server refused */
export async function serveTokenizer(
  route: TokenizerRoute,
  server: keyof typeof SERVERS,
  { target, request, signal }: Omit<UpstreamServing, 'route'>,
): Promise<Response> {
  const { upstream, modelId, upstreamModel, contextTokens } = target;
  const ask: Ask = async (path, asked) => {
    const body = { ...asked, model: upstreamModel };
    const answer = await callUpstream(upstream, path, { method: 'POST', body, signal });
    const { status, value } = answer;
    const { harness } = upstream;
    if (status < 300) {
      if (isJsonObject(value)) return value;
      throw new CortexError('node_protocol_error', `${path} of ${harness} is not a JSON object.`);
    }
    throw toCortexError({ harness, modelId, contextTokens, status, value, retryAfterS: undefined });
  };
  try {
    const answer = await SERVERS[server][route](await toTokenizerBody({ request, target }), ask);
    request.ended({ kind: 'done' });
    return Response.json(answer);
  } catch (error) {
    request.ended({ kind: signal.aborted ? 'cancelled' : 'refused' });
    throw error;
  }
}
