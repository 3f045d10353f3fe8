import { CortexError } from '@cortex/protocol';

import type { Token } from '../native-types.ts';
import type { Vocabulary } from '../vocabulary.ts';

/** The part of a vocabulary that inputs need. */
export type InputVocabulary = Pick<
  Vocabulary,
  'bosToken' | 'eosToken' | 'isWordPiece' | 'separatorToken' | 'size' | 'tokenize'
>;

/** The token after an input. WordPiece models were trained with a separator there. */
export const endTokens = ({ isWordPiece, separatorToken, eosToken }: InputVocabulary): Token[] =>
  present(isWordPiece ? separatorToken : eosToken);

export const startTokens = ({ bosToken }: InputVocabulary): Token[] => present(bosToken);

const present = (token: Token | undefined): Token[] => (token === undefined ? [] : [token]);

/** Tokenizes a text. Special tokens in it are text. */
export type MakeTokens = (text: string) => Promise<Uint32Array>;

/**
 * The tokens of one input of an embedding request, wrapped in the special tokens that the model was trained with.
 * Tokens from the caller are used unchanged.
 *
 * @param param - Name of the input in an error, such as `input[3]`.
 * @throws CortexError `invalid_request` if it is empty or has unknown tokens.
 */
export async function inputTokens(
  vocabulary: InputVocabulary,
  input: string | readonly number[],
  { param, makeTokens }: { readonly param: string; readonly makeTokens: MakeTokens },
): Promise<Uint32Array> {
  if (input.length === 0)
    throw new CortexError('invalid_request', `"${param}" is empty.`, { param });
  if (typeof input !== 'string') return givenTokens(vocabulary, input, param);
  const tokens = await makeTokens(input);
  return Uint32Array.from([...startTokens(vocabulary), ...tokens, ...endTokens(vocabulary)]);
}

function givenTokens(
  { size }: InputVocabulary,
  input: readonly number[],
  param: string,
): Uint32Array {
  const wrong = input.findIndex((token) => !Number.isInteger(token) || token < 0 || token >= size);
  if (wrong < 0) return Uint32Array.from(input);
  throw new CortexError(
    'invalid_request',
    `"${param}[${wrong}]" must be a token of the vocabulary, 0 to ${size - 1}.`,
    { param: `${param}[${wrong}]` },
  );
}

/** @throws CortexError `context_length_exceeded` naming `param` and the limit. */
export function checkLength(tokens: Uint32Array, contextTokens: number, param: string): void {
  if (tokens.length > contextTokens) throw tooLong(String(tokens.length), contextTokens, param);
}

/** @param tokens - The number of tokens, as text. */
export const tooLong = (tokens: string, contextTokens: number, param: string): CortexError =>
  new CortexError(
    'context_length_exceeded',
    `This model's maximum context length is ${contextTokens} tokens. However, "${param}" has ${tokens} tokens. Please shorten it.`,
    { param },
  );
