import { NEURON_HEADERS } from '@cortex/protocol';
import { inProcessEngine } from '@cortex/engine';
import { createGate, createScriptedEngine } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import type { StartEngine } from '../src/engines/start-engine.ts';
import { failureOf, readUntil, scriptedEngine, TestNeuron, until } from './test-neuron.ts';

const held = () =>
  scriptedEngine({
    slots: 1,
    contextTokens: 500,
    answer: () => ({ items: [{ text: 'a' }, { text: 'b' }], gates: { 1: createGate() } }),
  });

const as = (principal: string) => ({ headers: { [NEURON_HEADERS.principal]: principal } });

describe('admission.max_per_principal', () => {
  test('counts running and waiting requests of one caller, not those of another', async () => {
    await using neuron = await TestNeuron.start({
      flags: { 'admission.max_per_principal': 2 },
      parts: { startEngine: held() },
    });
    await neuron.load();
    const mine = [
      await neuron.chat({ stream: true }, as('key:a')),
      await neuron.chat({ stream: true }, as('key:a')),
    ];

    const third = await neuron.chat({ stream: true }, as('key:a'));
    const other = await neuron.chat({ stream: true }, as('key:b'));

    expect(third.status).toBe(429);
    expect(third.headers.get('retry-after')).toMatch(/^\d+$/);
    expect((await third.json()).error.code).toBe('rate_limit_exceeded');
    expect(other.status).toBe(200);
    expect((await neuron.health()).models[0]?.rejected).toEqual({ rate_limit_exceeded: 1 });
    await Promise.all([...mine, other].map((answer) => answer.body?.cancel()));
    await until(async () => (await neuron.seatsTaken()) === 0);
  });
});

describe('a full queue', () => {
  test.each([
    ['/v1/chat/completions', { messages: [{ role: 'user', content: 'word '.repeat(2000) }] }],
    ['/v1/completions', { prompt: 'word '.repeat(2000) }],
  ])('still reports a prompt that can never fit on %s', async (path, body) => {
    await using neuron = await TestNeuron.start({
      flags: { 'admission.max_queue_depth': 0 },
      parts: { startEngine: held() },
    });
    await neuron.load();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), '"content":"a"');

    const [tooLong, short] = await Promise.all([
      neuron.post(path, { model: 'tiny', ...body }),
      neuron.chat(),
    ]);

    expect([tooLong.status, (await tooLong.json()).error.code]).toEqual([
      400,
      'context_length_exceeded',
    ]);
    expect((await short.json()).error.code).toBe('queue_full');
    expect(await neuron.seatsTaken()).toBe(1);
    await reader.cancel();
  });
});

test('an embeddings request takes a seat, and releases it when the client disconnects', async () => {
  const asked = createGate();
  const startEngine: StartEngine = async () => {
    const engine = createScriptedEngine({ slots: 1, capabilities: ['embedding', 'tokenizer'] });
    engine.embed = (_request, signal) => {
      asked.open();
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      );
    };
    const connection = await inProcessEngine(engine);
    return { connection, kill: () => void connection.close(0) };
  };
  await using neuron = await TestNeuron.start({
    flags: { 'admission.max_queue_depth': 0 },
    parts: { startEngine },
  });
  await neuron.load();
  const leaving = new AbortController();
  const body = { model: 'tiny', input: 'a' };
  const left = neuron.post('/v1/embeddings', body, { signal: leaving.signal });
  await asked.opened;

  const refused = await neuron.post('/v1/embeddings', body);
  leaving.abort();

  expect([refused.status, (await refused.json()).error.code]).toEqual([503, 'queue_full']);
  await failureOf(left);
  await until(async () => (await neuron.seatsTaken()) === 0);
});

test('max_tokens above the free context is reduced to it, for chats and completions', async () => {
  await using neuron = await TestNeuron.start();
  await neuron.load({ context_length: 256, slots: 2 });
  const fields = { model: 'tiny', max_tokens: 100_000, ignore_eos: true };

  const answers = await Promise.all([
    neuron.chat(fields),
    neuron.post('/v1/completions', { ...fields, prompt: 'What is cortex?' }),
  ]);

  for (const answer of answers) {
    const { choices, usage } = await answer.json();
    expect(choices[0].finish_reason).toBe('length');
    expect(usage.total_tokens).toBe(256);
  }
}, 30_000);

describe("the params of an alias, in cortex's header", () => {
  const header = (params: unknown): Record<string, string> => ({
    [NEURON_HEADERS.params]: Buffer.from(JSON.stringify(params)).toString('base64url'),
  });

  async function startRecording(flags: object = {}) {
    const engine = createScriptedEngine();
    const startEngine: StartEngine = async () => {
      const connection = await inProcessEngine(engine);
      return { connection, kill: () => void connection.close(0) };
    };
    const neuron = await TestNeuron.start({ flags: { ...flags }, parts: { startEngine } });
    await neuron.load();
    return { neuron, engine };
  }

  test('reach the engine in addition to the body', async () => {
    const { neuron, engine } = await startRecording();
    await using _ = neuron;

    await neuron.chat({ top_p: 0.5 }, { headers: header({ temperature: 0.1 }) });
    await neuron.chat({});

    expect(engine.requests.map(({ params }) => params)).toEqual([{ temperature: 0.1 }, undefined]);
    expect(engine.requests[0]?.body).toMatchObject({ top_p: 0.5 });
  });

  test('are ignored if the caller is not trusted', async () => {
    const { neuron, engine } = await startRecording({
      listen: '0.0.0.0:0',
      'security.insecure': true,
    });
    await using _ = neuron;

    await neuron.chat({}, { headers: header({ temperature: 0.1 }) });

    expect(engine.requests[0]?.params).toBeUndefined();
  });

  test.each([['%%%'], [Buffer.from('[1]').toString('base64url')]])(
    'are refused if they are not a base64url-encoded JSON object: %s',
    async (text) => {
      const { neuron } = await startRecording();
      await using _ = neuron;

      const answer = await neuron.chat({}, { headers: { [NEURON_HEADERS.params]: text } });

      expect([answer.status, (await answer.json()).error.code]).toEqual([400, 'invalid_request']);
      expect(await neuron.seatsTaken()).toBe(0);
    },
  );

  test('are the sampling settings of the model, unless the body sets others', async () => {
    await using neuron = await TestNeuron.start();
    await neuron.load();
    const length = async (fields: object) => {
      const answer = await neuron.chat(
        { ignore_eos: true, ...fields },
        { headers: header({ max_tokens: 3 }) },
      );
      return (await answer.json()).usage.completion_tokens;
    };

    expect(await length({})).toBe(3);
    expect(await length({ max_tokens: 5 })).toBe(5);
  }, 30_000);
});
