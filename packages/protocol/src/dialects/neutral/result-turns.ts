import type { Part, TextPart, Turn } from './conversation.ts';

type ResultTurn = Extract<Turn, { role: 'tool' }>;

/** The text of a result: nodes take no images there. */
export function resultTexts(parts: readonly Part[]): readonly TextPart[] {
  const texts = parts.filter((part) => part.type === 'text');
  return texts.length === 0 && parts.length > 0
    ? [{ type: 'text', text: 'The result is the image below.' }]
    : texts;
}

/** All results of a turn that called. Their images follow in a message of the user. */
export function resultTurns(results: readonly ResultTurn[]): readonly Turn[] {
  const images = results.flatMap(({ parts }) => parts.filter(({ type }) => type === 'image'));
  const turns = results.map((result) => ({ ...result, parts: resultTexts(result.parts) }));
  return images.length === 0 ? turns : [...turns, { role: 'user', parts: images }];
}
