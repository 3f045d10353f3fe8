import { expect, test } from 'bun:test';

import { answer, type Answered, loadTiny } from './llama-under-test.ts';

const STREAMS = 8;
const ROUNDS = 12;

test('log-probabilities are the same alone and with all slots in use', async () => {
  const engine = await loadTiny({ slots: STREAMS, contextLength: 256 });
  const ask = (index: number) =>
    answer(
      engine,
      {
        prompt: `Once ${index} upon`,
        temperature: 0,
        max_tokens: 16,
        logprobs: 3,
        ignore_eos: true,
      },
      'completions',
    );
  const numbers = Array.from({ length: STREAMS }, (_, index) => index);
  const alone: ReturnType<typeof figures>[] = [];
  for (const index of numbers) alone.push(figures(await ask(index)));

  for (let round = 0; round < ROUNDS; round++) {
    const together = await Promise.all(numbers.map(ask));

    expect(together.map(figures)).toEqual(alone);
  }
  await engine.close(0);
});

/** Rounded, because the last bits depend on the width of the batch. */
const figures = ({ items }: Answered) =>
  items
    .flatMap((item) => item.logprobs ?? [])
    .map(({ token, logprob, top }) => [
      token,
      logprob.toFixed(2),
      top?.map((other) => other.token),
    ]);
