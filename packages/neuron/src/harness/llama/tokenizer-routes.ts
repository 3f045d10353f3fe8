/** `/tokenize`, `/detokenize`, `/apply-template` and `/count-tokens`, with the field names of llama-server and vLLM. */
import { type Engine, tokenName } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import { z } from 'zod';

import { parseBody } from '../../json-body.ts';
import type { TokenizerRoute } from '../harness.ts';

type Body = Readonly<Record<string, unknown>>;

interface Tokenizing {
  readonly engine: Engine;
  /** Tokens per slot; absent if unknown. */
  readonly contextTokens: number | undefined;
}

const flag = z.boolean().nullish();

const TokenizeBody = z.looseObject({
  content: z.string().optional(),
  prompt: z.string().optional(),
  text: z.string().optional(),
  messages: z.array(z.unknown()).optional(),
  add_special: flag,
  add_special_tokens: flag,
  parse_special: flag,
  with_pieces: flag,
  return_token_strs: flag,
});

const DetokenizeBody = z.looseObject({ tokens: z.array(z.int().min(0)) });

/** The text of a body, under any of its member names. */
function textOf({ content, prompt, text }: z.infer<typeof TokenizeBody>): string {
  const [only, ...more] = [content, prompt, text].filter((value) => value !== undefined);
  if (only !== undefined && more.length === 0) return only;
  const problem = only === undefined ? 'has no text' : 'has more than one text';
  throw new CortexError(
    'invalid_request',
    `The body ${problem}: send exactly one of content, prompt, text or messages.`,
    { param: 'content' },
  );
}

async function tokensOf(engine: Engine, raw: Body): Promise<readonly number[]> {
  const body = parseBody(raw, TokenizeBody);
  if (body.messages !== undefined) return engine.tokenizeChat(raw);
  return engine.tokenize(textOf(body), {
    // llama-server's default is off, vLLM's is on. Each field name has the default of its server.
    addSpecial: body.add_special ?? body.add_special_tokens ?? body.prompt !== undefined,
    parseSpecial: body.parse_special ?? true,
  });
}

async function tokenize(raw: Body, { engine, contextTokens }: Tokenizing): Promise<object> {
  const { with_pieces: withPieces, return_token_strs: withStrings } = parseBody(raw, TokenizeBody);
  const ids = await tokensOf(engine, raw);
  const wantsTexts = withPieces === true || withStrings === true;
  const names = wantsTexts ? (await engine.tokenBytes(ids)).map(nameOf) : [];
  return {
    tokens:
      withPieces === true
        ? ids.map((id, index) => ({ id, piece: names[index]?.text ?? names[index]?.bytes }))
        : ids,
    count: ids.length,
    max_model_len: contextTokens,
    ...(withStrings === true && { token_strs: names.map(({ name }) => name) }),
  };
}

/** A part of a character has no text. llama-server gives its bytes, OpenAI a name made of the bytes. */
function nameOf(bytes: readonly number[]) {
  const name = tokenName(Uint8Array.from(bytes));
  const text = Buffer.from(bytes).equals(Buffer.from(name)) ? name : undefined;
  return { name, text, bytes };
}

async function detokenize(raw: Body, { engine }: Tokenizing): Promise<object> {
  const text = await engine.detokenize(parseBody(raw, DetokenizeBody).tokens);
  return { content: text, prompt: text };
}

const ROUTES = {
  '/tokenize': tokenize,
  '/detokenize': detokenize,
  '/apply-template': async (body, { engine }) => ({ prompt: await engine.applyTemplate(body) }),
  '/count-tokens': async (body, { engine }) => ({ input_tokens: await engine.count(body) }),
} as const satisfies Record<
  TokenizerRoute,
  (body: Body, tokenizing: Tokenizing) => Promise<object>
>;

/**
 * Answers a tokenizer route from an engine, with the model or only its vocabulary loaded.
 *
 * @throws CortexError naming the invalid member of the body
 */
export const answerTokenizerRoute = async (
  route: TokenizerRoute,
  body: Body,
  tokenizing: Tokenizing,
): Promise<Response> => Response.json(await ROUTES[route](body, tokenizing));
