import { expect, test } from 'bun:test';

import { askStream } from './ask.ts';
import { SCALE, startUp } from './start-up.ts';

const STREAMS = Math.max(60, Math.round(500 * SCALE));
const FIRST_BYTE_MS = 2000;
/** A waiting stream hears something every 5 s; the rest is slack for a busy machine. */
const LONGEST_SILENCE_MS = 7000;

test(
  `${STREAMS} streams of one client at once are all answered, each with a first byte within 2 s and kept alive until its turn`,
  async () => {
    await using up = await startUp({ cortexToml: '[queue]\nmax_waiting = 1000\n' });

    const reports = await Promise.all(
      Array.from({ length: STREAMS }, (_, index) =>
        askStream(up.api, {
          max_tokens: 24,
          ignore_eos: true,
          messages: [{ role: 'user', content: `What is cortex? (${index})` }],
        }),
      ),
    );

    expect(reports.map(({ error }) => error).filter(Boolean)).toEqual([]);
    expect(reports.filter(({ hasDone, text }) => hasDone && text !== '')).toHaveLength(STREAMS);
    expect(Math.max(...reports.map(({ firstByteMs }) => firstByteMs))).toBeLessThan(FIRST_BYTE_MS);
    expect(Math.max(...reports.map(({ longestGapMs }) => longestGapMs))).toBeLessThan(
      LONGEST_SILENCE_MS,
    );
  },
  { timeout: 60_000 + STREAMS * 400 },
);
