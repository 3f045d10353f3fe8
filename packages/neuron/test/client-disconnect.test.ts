import { connect } from 'node:net';

import { createGate, type Gate } from '@cortex/testkit';
import { expect, test } from 'bun:test';

import { failureOf, readUntil, scriptedEngine, TestNeuron, until } from './test-neuron.ts';

const words = (count: number) => Array.from({ length: count }, () => ({ text: 'word ' }));

/** An engine with one slot whose every answer waits at item `at` for a gate that nobody opens. */
const heldAt = (at: number) =>
  scriptedEngine({ slots: 1, answer: () => ({ items: words(50), gates: { [at]: createGate() } }) });

const hasEnded = (neuron: TestNeuron) => until(async () => (await neuron.seatsTaken()) === 0);

test('a client that disconnects during its upload takes no seat', async () => {
  await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
  await neuron.load();
  const { hostname, port } = new URL(neuron.url);
  const socket = connect(Number(port), hostname);
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(
    'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{"model":"tiny"',
  );
  socket.destroy();

  expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
  expect(await neuron.seatsTaken()).toBe(0);
});

test('a client that disconnects in the queue releases its seat at once', async () => {
  await using neuron = await TestNeuron.start({ parts: { startEngine: heldAt(1) } });
  await neuron.load();
  const running = await readUntil(await neuron.chat({ stream: true }), 'word');
  const leaving = new AbortController();
  const queued = neuron.chat({ stream: true }, { signal: leaving.signal });
  await readUntil(await queued, 'assistant');
  expect(await neuron.seatsTaken()).toBe(2);

  leaving.abort();

  await until(async () => (await neuron.seatsTaken()) === 1);
  await running.reader.cancel();
});

test('a client that disconnects before the first token of a stream ends the work', async () => {
  await using neuron = await TestNeuron.start({ parts: { startEngine: heldAt(0) } });
  await neuron.load();
  const { reader } = await readUntil(await neuron.chat({ stream: true }), 'assistant');
  expect(await neuron.seatsTaken()).toBe(1);

  await reader.cancel();

  await hasEnded(neuron);
});

test('a client that disconnects during a stream ends the work', async () => {
  await using neuron = await TestNeuron.start({ parts: { startEngine: heldAt(3) } });
  await neuron.load();
  const { reader } = await readUntil(await neuron.chat({ stream: true }), 'word');

  await reader.cancel();

  await hasEnded(neuron);
});

test('a client that disconnects during a request that is not streamed ends the work', async () => {
  await using neuron = await TestNeuron.start({ parts: { startEngine: heldAt(3) } });
  await neuron.load();
  const leaving = new AbortController();
  const answer = neuron.chat({}, { signal: leaving.signal });
  await until(async () => (await neuron.seatsTaken()) === 1);

  leaving.abort();

  await failureOf(answer);
  await hasEnded(neuron);
});

test('a client that disconnects during a load cancels it, and the memory is free', async () => {
  const loadGate: Gate = createGate();
  await using neuron = await TestNeuron.start({
    parts: { startEngine: scriptedEngine({ loadGate }), abandonMs: 0 },
  });
  const leaving = new AbortController();
  const load = neuron.post(
    '/models/load?wait=true',
    { model_id: 'tiny' },
    { signal: leaving.signal },
  );
  await until(async () => (await neuron.model()).status === 'loading');

  leaving.abort();

  await failureOf(load);
  await until(async () => (await neuron.model()).status === 'unloaded');
});

test('the engine stops the request of a disconnected client within one step, and answers the next one', async () => {
  await using neuron = await TestNeuron.start();
  await neuron.load({ slots: 1 });
  const { reader } = await readUntil(
    await neuron.chat({ stream: true, ignore_eos: true, max_tokens: 4000 }),
    '"content":"',
  );

  await reader.cancel();

  await until(async () => (await neuron.seatsTaken()) === 0, 2000);
  expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
});

test('a client that disconnects during a long prefill ends the work before the next step', async () => {
  await using neuron = await TestNeuron.start({ flags: { 'engine.prefill_chunk_tokens': 16 } });
  await neuron.load({ slots: 1 });
  const answer = await neuron.chat({
    stream: true,
    messages: [{ role: 'user', content: 'neuron '.repeat(1500) }],
  });
  const { reader } = await readUntil(answer, 'assistant');

  await reader.cancel();

  await until(async () => (await neuron.seatsTaken()) === 0, 2000);
  expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
}, 30_000);
