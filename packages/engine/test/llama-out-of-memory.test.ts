/** Memory that runs out in a decode ends the process of the engine, so that its owner starts another. */
import { fileURLToPath } from 'node:url';

import { expect, test } from 'bun:test';

import { thrownBy } from '../src/conformance/subject.ts';
import type { EngineLoadSpec } from '../src/engine/load.ts';
import { type EngineProcess, spawnEngine } from '../src/index.ts';
import { chatOf, eventsOf, never } from './fixtures/requests.ts';
import { TINY_SPEC } from './llama-under-test.ts';
import { POOLED_SPEC, pooledModel } from './pooled-under-test.ts';

const WORKER = fileURLToPath(new URL('../src/llama/worker.ts', import.meta.url));
const PRELOAD = fileURLToPath(new URL('fixtures/no-memory-for-decodes.ts', import.meta.url));

const ENDED = /was killed by SIGABRT \(The engine aborts because memory ran out: std::bad_alloc\)/;

async function engineWithoutMemory(spec: EngineLoadSpec): Promise<EngineProcess> {
  const engine = await spawnEngine({
    command: [process.execPath, '--preload', PRELOAD, WORKER],
  });
  await engine.load(spec, () => undefined, never());
  return engine;
}

test('an engine whose memory runs out in a decode aborts, and says so', async () => {
  const engine = await engineWithoutMemory(TINY_SPEC);

  const events = await eventsOf(engine.generate(chatOf(4), never()));

  expect(events.at(-1)).toMatchObject({ type: 'error', code: 'node_recovering' });
  expect(await engine.ended).toMatch(ENDED);
});

test('an embedding engine whose memory runs out in a decode aborts, and says so', async () => {
  const engine = await engineWithoutMemory({ ...POOLED_SPEC, modelPath: pooledModel('embedding') });

  const failed = await thrownBy(engine.embed({ principal: 'a', inputs: ['Hello'] }, never()));

  expect(failed).toMatchObject({ code: 'node_recovering' });
  expect(await engine.ended).toMatch(ENDED);
});
