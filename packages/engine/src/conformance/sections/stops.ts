import { expect, test } from 'bun:test';

import { answerOf, ask, completionOf, type Section } from '../subject.ts';

/** Length of a stop string, in characters: enough to span two tokens. */
const STOP_CHARS = 6;

export const stops: Section = (subject) => {
  const complete = (body: Parameters<typeof completionOf>[1]) =>
    answerOf(ask(subject().engine, completionOf(40, body), { route: 'completions' }));

  test('a stop string ends the text before it and is reported', async () => {
    const { text } = await complete({});
    const stop = pieceAt(text, 0.5);

    const stopped = await complete({ stop });

    expect(stopped.text).toBe(text.slice(0, text.indexOf(stop)));
    expect(stopped.last.finish).toEqual([{ reason: 'stop', matchedStop: stop }]);
  });

  test('the first of several stop strings to appear ends the text', async () => {
    const { text } = await complete({});
    const late = pieceAt(text, 0.7);
    const early = pieceAt(text, 0.3);

    const stopped = await complete({ stop: [late, early] });

    const at = Math.min(text.indexOf(late), text.indexOf(early));
    expect(stopped.text).toBe(text.slice(0, at));
    expect(stopped.last.finish[0]?.reason).toBe('stop');
  });

  test('a partial stop string stays in the text', async () => {
    const { text } = await complete({});

    const whole = await complete({ stop: `${pieceAt(text, 0.5)}\u0001never` });

    expect(whole.text).toBe(text);
    expect(whole.last.finish).toEqual([{ reason: 'length' }]);
  });
};

/** A piece from the middle of the answer without a stop string. */
function pieceAt(text: string, ratio: number): string {
  const characters = Array.from(text);
  const start = Math.floor(characters.length * ratio);
  return characters.slice(start, start + STOP_CHARS).join('');
}
