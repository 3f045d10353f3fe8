import type { Token } from '../native-types.ts';
import { endTokens, type InputVocabulary, type MakeTokens, startTokens } from './input-tokens.ts';

/** Builds the tokens of a query with each of its documents. */
export type RerankPrompt = (
  query: string,
  makeTokens: MakeTokens,
) => Promise<(document: string, makeTokens: MakeTokens) => Promise<Uint32Array>>;

/** Possible special tokens in a template: `<|im_start|>`, `<s>`, `[SEP]`. */
const MARKER = /(<[^<>\s]+>|\[[A-Z]+\])/;

/** Combines query and document as the model was trained: by the template in its file, else as two segments. */
export function rerankPrompt(
  vocabulary: InputVocabulary,
  template: string | undefined,
): RerankPrompt {
  const isUsable = template?.includes('{query}') === true && template.includes('{document}');
  return isUsable ? templatePrompt(vocabulary, template) : segmentPrompt(vocabulary);
}

/** Special tokens of the template are special. The same text in a query or document is text. */
function templatePrompt(vocabulary: InputVocabulary, template: string): RerankPrompt {
  const split = template
    .split(MARKER)
    .filter((part) => part !== '')
    .map((part) => specialToken(vocabulary, part) ?? part);
  const pieces = split.reduce<(string | Token)[]>((joined, part) => {
    const before = joined.at(-1);
    // A match that is not a special token belongs to the surrounding text.
    if (typeof part === 'string' && typeof before === 'string')
      return [...joined.slice(0, -1), before + part];
    return [...joined, part];
  }, []);
  const [start] = startTokens(vocabulary);
  return async (query, makeTokens) => {
    // Parts without the document are the same for all documents.
    const parts: (string | readonly Token[])[] = [];
    for (const piece of pieces) {
      if (typeof piece === 'number') parts.push([piece]);
      else if (piece.includes('{document}')) parts.push(piece);
      else parts.push(Array.from(await makeTokens(piece.replaceAll('{query}', () => query))));
    }
    return async (document, makeDocumentTokens) => {
      const values: Readonly<Record<string, string>> = { query, document };
      const tokens: Token[] = [];
      for (const part of parts) {
        const made =
          typeof part === 'string'
            ? await makeDocumentTokens(
                part.replaceAll(/\{(query|document)\}/g, (_, name: string) => values[name] ?? ''),
              )
            : part;
        for (const token of made) tokens.push(token);
      }
      return Uint32Array.from(
        start === undefined || tokens[0] === start ? tokens : [start, ...tokens],
      );
    };
  };
}

/** `[CLS] query [SEP] document [SEP]` or `<s> query </s></s> document </s>`, depending on the family. */
function segmentPrompt(vocabulary: InputVocabulary): RerankPrompt {
  const { separatorToken, isWordPiece } = vocabulary;
  const end = endTokens(vocabulary);
  const separator = separatorToken === undefined || isWordPiece ? [] : [separatorToken];
  return async (query, makeTokens) => {
    const queryTokens = await makeTokens(query);
    const before = [...startTokens(vocabulary), ...queryTokens, ...end, ...separator];
    return async (document, makeDocumentTokens) =>
      Uint32Array.from([...before, ...(await makeDocumentTokens(document)), ...end]);
  };
}

/** The special token whose text is `text`, if the vocabulary has it and never produces it from ordinary text. */
function specialToken(vocabulary: InputVocabulary, text: string): Token | undefined {
  if (!MARKER.test(text)) return undefined;
  const [token, ...more] = vocabulary.tokenize(text, { parseSpecial: true });
  if (token === undefined || more.length > 0) return undefined;
  return vocabulary.tokenize(text, { parseSpecial: false }).length === 1 ? undefined : token;
}
