import { expect, test } from 'bun:test';

import { spawnEngine } from '../src/index.ts';
import { rawEngine } from './fixtures/raw-engine.ts';
import { chatOf, eventsOf, never, SPEC, textOf } from './fixtures/requests.ts';

test('a program that shares no code with the product works as an engine', async () => {
  const engine = await spawnEngine({ command: rawEngine('polite') });
  const seen: string[] = [];

  const loaded = await engine.load(SPEC, ({ phase }) => seen.push(phase), never());
  const events = await eventsOf(engine.generate(chatOf(3), never()));
  await engine.close(0);

  expect(engine).toMatchObject({ name: 'raw', version: '0.1' });
  expect(seen).toEqual(['ready']);
  expect(loaded.limits.contextTokens).toBe(512);
  expect(events[0]).toEqual({ type: 'accepted', promptTokens: 2 });
  expect(textOf(events)).toBe('Hello 🙂');
  expect(events.at(-1)).toEqual({
    type: 'done',
    finish: [{ reason: 'stop' }],
    usage: { promptTokens: 2, completionTokens: 3, cachedTokens: 0, reasoningTokens: 0 },
    timings: { queueMs: 0, promptMs: 1, firstTokenMs: 1, decodeMs: 2 },
  });
  expect(await engine.ended).toBe(`engine process ${engine.pid} exited with code 0`);
  expect(engine.logTail).toEqual(['raw engine: polite']);
});
