import type { AnswerEnd, OutputDelta, OutputParser } from '../src/llama/parsers/output-parser.ts';

/** An answer, its deltas joined. */
export interface Parsed {
  readonly text: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly name: string; readonly arguments: string }[];
}

/** The whole of an answer that comes in pieces. Fails when a delta breaks a character or a call begins without a name. */
export function readAll(
  parser: OutputParser,
  pieces: readonly string[],
  end: AnswerEnd = 'cut',
): Parsed {
  return join([...pieces.flatMap((piece) => [...parser.push(piece)]), ...parser.end(end)]);
}

function join(deltas: readonly OutputDelta[]): Parsed {
  let text = '';
  let reasoning = '';
  const calls: { name: string; arguments: string }[] = [];
  for (const delta of deltas) {
    if ('text' in delta) text += whole(delta.text);
    else if ('reasoning' in delta) reasoning += whole(delta.reasoning);
    else {
      const { index, id, name, arguments: piece = '' } = delta.tool;
      if (name !== undefined) calls[index] = { name, arguments: '' };
      const call = calls[index];
      if (call === undefined || (name !== undefined && id === undefined))
        throw new Error('a call begins without id or name');
      call.arguments += whole(piece);
    }
  }
  return { text, reasoning, calls };
}

function whole(text: string): string {
  if (!text.isWellFormed()) throw new Error('a character was cut');
  return text;
}
