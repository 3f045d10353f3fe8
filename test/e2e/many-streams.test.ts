import { join } from 'node:path';
import { expect, test } from 'bun:test';

import { z } from 'zod';

import { Program, ROOT, SCALE, startUp } from './start-up.ts';

const STREAMS = Math.max(60, Math.round(500 * SCALE));
const FIRST_BYTE_MS = 2000;
/** A waiting stream gets a keep-alive comment every 5 s; the rest is slack for a busy machine. */
const LONGEST_SILENCE_MS = 7000;

const Streams = z.array(
  z.object({
    status: z.int(),
    firstByteMs: z.number(),
    longestSilenceMs: z.number(),
    text: z.string(),
  }),
);

const isAnswered = ({ status, text }: z.infer<typeof Streams>[number]): boolean =>
  status === 200 &&
  text.includes('"content":"') &&
  text.includes('"finish_reason":"length"') &&
  text.endsWith('data: [DONE]\n\n');

test(
  `${STREAMS} concurrent streams of one client all finish, each with a first byte within 2 s and keep-alive comments until its turn`,
  async () => {
    await using up = await startUp({ cortexToml: '[queue]\nmax_waiting = 1000\n' });

    const client = new Program([
      process.execPath,
      join(ROOT, 'test/e2e/many-streams-client.ts'),
      up.api,
      String(STREAMS),
    ]);
    await client.ended;

    const streams = Streams.parse(JSON.parse(client.output));
    expect(streams).toHaveLength(STREAMS);
    expect(streams.filter((stream) => !isAnswered(stream)).map(({ text }) => text)).toEqual([]);
    expect(Math.max(...streams.map(({ firstByteMs }) => firstByteMs))).toBeLessThan(FIRST_BYTE_MS);
    expect(Math.max(...streams.map(({ longestSilenceMs }) => longestSilenceMs))).toBeLessThan(
      LONGEST_SILENCE_MS,
    );
  },
  { timeout: 60_000 + STREAMS * 400 },
);
