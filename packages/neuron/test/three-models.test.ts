/** One engine of three has an accident, with the real engine: the other two and the daemon do not notice. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'bun:test';

import { readEngineRecords, readUntil, TestNeuron, until } from './test-neuron.ts';

const MODELS = ['tiny', 'second', 'third'] as const;
const [VICTIM, ...OTHERS] = MODELS;

const pidOf = ({ root }: TestNeuron, id: string): number => {
  const record = readEngineRecords(join(root, 'state')).find(({ model_id }) => model_id === id);
  if (!record) throw new Error(`no engine of ${id} runs`);
  return record.pid;
};

/** A daemon with three loaded models. */
async function startThree(wedgeS: number): Promise<TestNeuron> {
  const neuron = await TestNeuron.start({
    flags: { 'engine.wedge_s': wedgeS },
    parts: { respawnPauseMs: () => 100 },
    prepare: (dir) => {
      for (const id of OTHERS) cpSync(join(dir, 'tiny.gguf'), join(dir, `${id}.gguf`));
    },
  });
  for (const id of MODELS) await neuron.load({ model_id: id, slots: 1 });
  return neuron;
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += decoder.decode(part.value, { stream: true });
  }
  return text;
}

/** A stream of every model, each past its first token. */
async function streamAll(neuron: TestNeuron) {
  const long = { stream: true, ignore_eos: true, max_tokens: 600 };
  return Promise.all(
    MODELS.map(async (model) => {
      const answer = await neuron.chat({ ...long, model });
      return (await readUntil(answer, '"content":"')).reader;
    }),
  );
}

/** Takes the memory of the engine: no more than it has is allowed, and requests come that need more. */
async function exhaustMemory(neuron: TestNeuron): Promise<void> {
  const limit = ['prlimit', '--pid', String(pidOf(neuron, VICTIM)), '--data=1048576:1048576'];
  if ((await Bun.spawn(limit).exited) !== 0) throw new Error('prlimit failed');
  const messages = [{ role: 'user', content: 'word '.repeat(180_000) }];
  const { generation } = await neuron.model(VICTIM);
  const isAlive = async (): Promise<boolean> => {
    const model = await neuron.model(VICTIM);
    return model.status === 'loaded' && model.generation === generation;
  };
  while (await isAlive()) {
    const requests = Array.from({ length: 30 }, () => neuron.chat({ model: VICTIM, messages }));
    await Promise.all(requests.map(async (request) => (await request).text()));
  }
}

const send =
  (signal: 'SIGKILL' | 'SIGSTOP') =>
  async (neuron: TestNeuron): Promise<void> =>
    void process.kill(pidOf(neuron, VICTIM), signal);

const LOST = /"code":"node_recovering"/;
/** Memory runs out when a request needs more, which may be after the stream. */
const LOST_OR_FINISHED = /"code":"node_recovering"|"finish_reason":"length"/;

const ACCIDENTS = [
  ['is killed', { wedgeS: 60, happen: send('SIGKILL'), end: LOST }],
  ['is stopped, so that it completes no step', { wedgeS: 6, happen: send('SIGSTOP'), end: LOST }],
  [
    'runs out of memory (needs prlimit)',
    { wedgeS: 60, happen: exhaustMemory, end: LOST_OR_FINISHED },
  ],
] as const;

describe.each(ACCIDENTS)('an engine of three that %s', (name, { wedgeS, happen, end }) => {
  const isPossible = !name.includes('prlimit') || Bun.which('prlimit') !== null;

  test.skipIf(!isPossible)(
    'ends its own stream with a reason and restarts, while the other two stream on',
    async () => {
      await using neuron = await startThree(wedgeS);
      const before = await Promise.all(MODELS.map((id) => neuron.model(id)));
      const pids = MODELS.map((id) => pidOf(neuron, id));
      const [own, ...others] = await streamAll(neuron);
      if (!own) throw new Error('no stream');

      const texts = Promise.all([own, ...others].map(readAll));
      await happen(neuron);

      const [text, ...otherTexts] = await texts;
      expect(text).toMatch(end);
      expect(text).toEndWith('data: [DONE]\n\n');
      for (const other of otherTexts) expect(other).toContain('"finish_reason":"length"');
      await until(async () => (await neuron.model()).status === 'loaded', 30_000);
      expect((await neuron.chat({ max_tokens: 2 })).status).toBe(200);
      const after = await Promise.all(MODELS.map((id) => neuron.model(id)));
      expect(
        after.map(({ generation }, index) => generation - (before[index]?.generation ?? 0)),
      ).toEqual([1, 0, 0]);
      expect(OTHERS.map((id) => pidOf(neuron, id))).toEqual(pids.slice(1));
      expect((await neuron.health()).models.map(({ in_flight }) => in_flight)).toEqual([0, 0, 0]);
    },
    120_000,
  );
});

test('an engine of three that cannot restart fails with its reason, while the other two serve', async () => {
  await using neuron = await startThree(60);
  // Its file is gone, so no restart can succeed.
  await Bun.file(join(neuron.modelsDir, `${VICTIM}.gguf`)).delete();

  process.kill(pidOf(neuron, VICTIM), 'SIGKILL');

  await until(async () => (await neuron.model()).status === 'failed', 30_000);
  const { reason, servable } = await neuron.model();
  expect(reason).toContain(`${VICTIM}.gguf`);
  expect(servable).toEqual({ ok: false, reason });
  const answers = await Promise.all(OTHERS.map((model) => neuron.chat({ model, max_tokens: 2 })));
  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
}, 60_000);
