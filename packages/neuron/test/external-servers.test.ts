/** Models on a server that somebody else has started. The server is a fake that speaks the documented routes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { NodeModels } from '@cortex/protocol';
import { FakeServer, type FakeServerOptions, sha256 } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { createHurriedTicker } from './hurried-ticker.ts';
import { failureOf, readUntil, TestNeuron, until } from './test-neuron.ts';

const FAKE: FakeServerOptions = {
  port: 0,
  models: ['upstream/name', 'tiny'],
  contextTokens: 512,
  slots: 2,
  hasVision: true,
};

const fake = (options: Partial<FakeServerOptions> = {}): FakeServer =>
  new FakeServer({ ...FAKE, ...options });

const start = (server: FakeServer, fields: Readonly<Record<string, unknown>> = {}) =>
  TestNeuron.start({
    flags: {
      harnesses: [{ name: 'other', kind: 'llamacpp', endpoint: server.url, ...fields }],
    },
  });

/** Of each chat in order, whether neuron asked for its usage. */
const askedForUsage = ({ seen }: FakeServer): readonly boolean[] =>
  seen
    .filter(({ path }) => path === '/v1/chat/completions')
    .map(({ bytes }) => 'stream_options' in JSON.parse(new TextDecoder().decode(bytes)));

const ON_OTHER = { harness: 'other', upstream_model: 'upstream/name' };

describe('a model on a running server', () => {
  test('is loaded without a file, and shows its slots and context', async () => {
    using server = fake();
    await using neuron = await start(server);

    await neuron.load({ model_id: 'org/remote', ...ON_OTHER });

    expect(await neuron.model('org/remote')).toMatchObject({
      harness: 'other',
      status: 'loaded',
      servable: { ok: true },
      on_disk: false,
      limit: { context: 512 },
      capabilities: ['text', 'tools', 'vision'],
    });
    const load = (await neuron.health()).models.find(({ id }) => id === 'org/remote');
    expect(load?.max_in_flight).toBe(2);
  });

  test('gets the bytes of the caller with its own name for the model', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load({ model_id: 'org/remote', ...ON_OTHER });
    const body =
      '{ "seed": 18446744073709551615,\n "model" : "org/remote", "messages":[ {"role":"user","content":"hé"} ],"x":1.0 }';

    const answer = await neuron.post('/v1/chat/completions', body);

    expect(server.lastBody('/v1/chat/completions')).toBe(
      body.replace('org/remote', 'upstream/name'),
    );
    expect(await answer.json()).toMatchObject({ model: 'org/remote', object: 'chat.completion' });
    expect(JSON.parse(answer.headers.get('x-neuron-usage') ?? '')).toMatchObject({
      completion_tokens: 8,
      cached_tokens: 1,
      estimated: false,
    });
  });

  test('gets a large body with the same changes as a small one', async () => {
    using server = fake();
    await using neuron = await start(server);
    const params = { temperature: 0.25, chat_template_kwargs: { a: 1 }, top_p: 0.5 };
    await neuron.load({ ...ON_OTHER, params });
    const fields = { chat_template_kwargs: { b: 2 }, top_p: null, stream: true };
    const messages = [{ role: 'user', content: 'x'.repeat(2 << 20) }];

    await (await neuron.chat({ messages, ...fields })).text();

    expect(JSON.parse(server.lastBody('/v1/chat/completions'))).toEqual({
      temperature: 0.25,
      stream_options: { include_usage: true },
      model: 'upstream/name',
      messages,
      ...fields,
    });
  });

  test('gets the defaults of its operator for fields that the request does not have', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load({ ...ON_OTHER, params: { temperature: 0.25, top_p: 0.5 } });

    await neuron.chat({ temperature: 1 });

    expect(JSON.parse(server.lastBody('/v1/chat/completions'))).toMatchObject({
      temperature: 1,
      top_p: 0.5,
    });
  });

  test('streams with its own id, and reports usage that the client did not ask for only to cortex', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);

    const text = await (await neuron.chat({ stream: true, max_tokens: 3 })).text();

    const chunks = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = '']) =>
      JSON.parse(json),
    );
    expect(new Set(chunks.map(({ model }) => model))).toEqual(new Set(['tiny']));
    expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
    expect(text).toMatch(/\n\n: usage \{.*"completion_tokens":3,.*\}\ndata: \[DONE\]\n\n$/);
    expect(text).toContain('"estimated":false');
  });

  test('streams its usage to a client that asks for it', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);

    const options = { stream: true, stream_options: { include_usage: true } };
    const text = await (await neuron.chat(options)).text();

    expect(text).toContain('"choices":[],"usage":{');
  });

  test('whose server sends no usage has its content counted, marked as estimated', async () => {
    using server = fake({ isMute: true });
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);

    const text = await (await neuron.chat({ stream: true, max_tokens: 5 })).text();

    expect(text).toContain('"completion_tokens":5');
    expect(text).toContain('"estimated":true');
  });

  test('whose server refuses stream_options is asked without it, and from then on only so', async () => {
    using server = fake({ isStrict: true });
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);
    const stream = { stream: true, max_tokens: 4 };

    const texts = [
      await (await neuron.chat(stream)).text(),
      await (await neuron.chat(stream)).text(),
    ];

    for (const text of texts) {
      expect(text).toMatch(/"completion_tokens":4,.*"estimated":true\}\ndata: \[DONE\]\n\n$/);
    }
    expect(askedForUsage(server)).toEqual([true, false, false]);
  });

  test('whose server refuses a stream for another reason is asked again only until it has served one', async () => {
    using server = fake({ refuses: (body) => body['top_k'] === -1 });
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);
    const wrong = { stream: true, top_k: -1 };

    const refused = await neuron.chat(wrong);
    await (await neuron.chat({ stream: true, max_tokens: 1 })).text();
    await neuron.chat(wrong);

    expect(refused.status).toBe(400);
    expect(askedForUsage(server)).toEqual([true, false, true, true]);
  });

  test('whose server refuses a prompt as too long is asked once', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);

    const messages = [{ role: 'user', content: 'word '.repeat(600) }];
    const refused = await neuron.chat({ stream: true, messages });

    expect((await refused.json()).error.code).toBe('context_length_exceeded');
    expect(askedForUsage(server)).toEqual([true]);
  });

  test('stops its work when the client disconnects, and frees the seat', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);
    const leaving = new AbortController();
    const answer = await neuron.chat(
      { stream: true, max_tokens: 100_000 },
      { signal: leaving.signal },
    );
    await readUntil(answer, 'w3 ');

    leaving.abort();

    await until(() => server.work.aborted === 1 && server.work.running === 0);
    await until(async () => (await neuron.seatsTaken()) === 0);
  });

  test('gets no more requests at a time than it has slots; the others wait and are served', async () => {
    using server = fake({ slots: 2 });
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);

    const answers = await Promise.all(
      Array.from({ length: 6 }, () => neuron.chat({ max_tokens: 20 })),
    );

    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(server.mostRunning).toBe(2);
  });

  test('commits a stream that waits for a slot after a second, and keeps it alive', async () => {
    using server = fake({ slots: 1 });
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);
    const first = await readUntil(await neuron.chat({ stream: true, max_tokens: 100_000 }), 'w1 ');

    const second = await neuron.chat({ stream: true, max_tokens: 2 });

    const { reader } = await readUntil(second, ': keep-alive\n');
    await first.reader.cancel();
    await readUntil(reader, '[DONE]');
  });

  test('gives the answer of its server to a prompt that is too long, in the words that clients know', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);

    for (const stream of [true, false]) {
      const answer = await neuron.chat({
        stream,
        messages: [{ role: 'user', content: 'word '.repeat(600) }],
      });
      const { error } = await answer.json();
      expect([answer.status, error.code]).toEqual([400, 'context_length_exceeded']);
      expect(error.message).toStartWith("This model's maximum context length is 512 tokens.");
    }
  });

  test('passes an image unchanged, and a server that cannot read it is named as the reason', async () => {
    const url = `data:image/png;base64,${Buffer.from('an image').toString('base64')}`;
    const messages = [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }];
    using seeing = fake();
    using blind = fake({ hasVision: false });
    for (const [server, wanted] of [
      [seeing, 200],
      [blind, 400],
    ] as const) {
      await using neuron = await start(server);
      await neuron.load(ON_OTHER);

      const answer = await neuron.chat({ messages });

      expect(answer.status).toBe(wanted);
      const text = await answer.text();
      expect(text).toContain(wanted === 200 ? `image:${sha256(url)}` : 'vision_unsupported');
    }
  });

  test('answers the tokenizer routes from its server', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);

    const tokens = await neuron.post('/tokenize', { model: 'tiny', content: 'one two three' });
    const counted = await neuron.post('/count-tokens', {
      model: 'tiny',
      messages: [{ role: 'user', content: 'a b' }],
    });

    expect(await tokens.json()).toMatchObject({ tokens: [0, 1, 2], count: 3 });
    expect(await counted.json()).toEqual({ input_tokens: 4 });
  });
});

describe('the models that a running server lists', () => {
  const startHurried = (server: FakeServer) =>
    TestNeuron.start({
      flags: { harnesses: [{ name: 'other', kind: 'openai', endpoint: server.url }] },
      parts: { ticker: createHurriedTicker() },
    });
  const idsOf = async (neuron: TestNeuron): Promise<readonly string[]> =>
    NodeModels.parse(await (await neuron.get('/models')).json()).map(({ id }) => id);

  test('are in /models before any load, and a load that names no harness serves one', async () => {
    using server = fake();
    await using neuron = await startHurried(server);
    await until(async () => (await idsOf(neuron)).includes('upstream/name'));
    expect(await neuron.model('upstream/name')).toMatchObject({
      harness: 'other',
      status: 'unloaded',
      servable: { ok: false, reason: 'unloaded' },
      on_disk: false,
      limit: { context: 512 },
    });

    await neuron.load({ model_id: 'upstream/name' });

    expect(await neuron.model('upstream/name')).toMatchObject({
      harness: 'other',
      status: 'loaded',
      on_disk: false,
    });
    const answer = await neuron.chat({ model: 'upstream/name', max_tokens: 2 });
    expect((await answer.json()).usage.completion_tokens).toBe(2);
    await neuron.post('/models/unload', { model_id: 'upstream/name' });
    expect(await neuron.model('upstream/name')).toMatchObject({
      harness: 'other',
      status: 'unloaded',
    });
  });

  test('do not take the id of a file on this node', async () => {
    using server = fake();
    await using neuron = await startHurried(server);
    await until(async () => (await idsOf(neuron)).includes('upstream/name'));

    await neuron.load({ context_length: 512 });

    expect(await neuron.model()).toMatchObject({ id: 'tiny', harness: 'llama', on_disk: true });
  });

  test('are gone when the server no longer lists them, and a load then fails as for any unknown model', async () => {
    const models = ['kept', 'dropped'];
    using server = fake({ models });
    await using neuron = await startHurried(server);
    await until(async () => (await idsOf(neuron)).includes('dropped'));

    models.pop();

    await until(async () => !(await idsOf(neuron)).includes('dropped'));
    expect(await idsOf(neuron)).toContain('kept');
    const failure = await failureOf(neuron.load({ model_id: 'dropped' }));
    expect(failure.message).toContain('dropped');
    expect((await neuron.get('/models/absent/capabilities')).status).toBe(404);
  });

  test('have capabilities and an estimate only after a load, which the answers say', async () => {
    using server = fake();
    await using neuron = await startHurried(server);
    await until(async () => (await idsOf(neuron)).includes('upstream/name'));

    const capabilities = await neuron.get('/models/upstream%2Fname/capabilities');
    const estimate = await neuron.post('/models/upstream%2Fname/estimate', {});

    expect((await capabilities.json()).error.message).toContain(
      'on the server of the harness other',
    );
    expect((await estimate.json()).error.message).toContain(
      'The harness other gives no information',
    );
  });
});

describe('a load onto a running server', () => {
  test('names the models of the server if it does not have the wanted one', async () => {
    using server = fake();
    await using neuron = await start(server);

    const failure = await failureOf(neuron.load({ model_id: 'absent', harness: 'other' }));

    expect(failure.message).toContain('has no model absent. It has: upstream/name, tiny.');
    expect(failure.message).toContain('upstream_model');
  });

  test('finds a harness by its kind', async () => {
    using server = fake();
    await using neuron = await start(server);

    await neuron.load({ ...ON_OTHER, harness: 'llamacpp' });

    expect((await neuron.model()).status).toBe('loaded');
  });

  test.each([
    ['args', { args: ['--x'] }],
    ['kv_type', { kv_type: 'q8_0' }],
    ['quant', { quant: 'Q4_K_M' }],
    ['gpu_layers', { gpu_layers: 3 }],
    ['devices', { devices: [0] }],
    ['tensor_parallel', { tensor_parallel: 2 }],
    ['context_length', { context_length: 4096 }],
    ['lora', { lora: [{ source: 'file:x' }] }],
  ])('refuses the setting %s, which the running server cannot follow', async (param, fields) => {
    using server = fake();
    await using neuron = await start(server);

    const answer = await neuron.post('/models/load?wait=true', {
      model_id: 'tiny',
      ...ON_OTHER,
      ...fields,
    });

    expect(answer.status).toBe(400);
    expect((await answer.json()).error).toMatchObject({ code: 'unsupported_parameter', param });
  });

  test('fails with the address if nothing answers there', async () => {
    const server = fake();
    server[Symbol.dispose]();
    await using neuron = await start(server);

    const answer = await neuron.post('/models/load?wait=true', { model_id: 'tiny', ...ON_OTHER });

    expect(answer.status).toBe(503);
    expect((await answer.json()).error.message).toContain(`${server.url}/health`);
  });

  test('sends the key from api_key_file, and names the file if the server refuses it', async () => {
    using server = fake({ apiKey: 'right' });
    const path = join(temporaryFolder('key'), 'key');
    writeFileSync(path, 'right\n');
    await using neuron = await start(server, { api_key_file: path });
    await neuron.load(ON_OTHER);
    expect((await neuron.chat()).status).toBe(200);

    writeFileSync(path, 'wrong\n');
    await using other = await start(server, { api_key_file: path });
    const refused = await failureOf(other.load(ON_OTHER));

    expect(refused.message).toContain('check api_key_file');
  });

  test('never sends the credentials or the address of the caller', async () => {
    using server = fake();
    await using neuron = await start(server);
    await neuron.load(ON_OTHER);

    await neuron.chat(
      {},
      {
        headers: {
          authorization: 'Bearer of-the-caller',
          'x-cortex-principal': 'key:1',
          cookie: 'a=b',
        },
      },
    );

    const headers = server.seen.findLast(({ path }) => path === '/v1/chat/completions')?.headers;
    expect(headers?.['authorization']).toBeUndefined();
    expect(headers?.['cookie']).toBeUndefined();
    expect(headers?.['x-cortex-principal']).toBeUndefined();
    expect(headers?.['x-request-id']).toStartWith('req_');
  });
});

describe('images and sound', () => {
  const form = (model: string): FormData => {
    const data = new FormData();
    data.set('file', new File(['RIFF….wav'], 'speech.wav'));
    data.set('model', model);
    return data;
  };

  test('reach the server of their model: images, transcriptions with the bytes of the file, speech', async () => {
    using server = fake();
    await using neuron = await start(server, { kind: 'openai' });
    await neuron.load(ON_OTHER);

    const image = await neuron.post('/v1/images/generations', { model: 'tiny', prompt: 'a cat' });
    const heard = await fetch(`${neuron.url}/v1/audio/transcriptions`, {
      method: 'POST',
      body: form('tiny'),
    });
    const spoken = await neuron.post('/v1/audio/speech', { model: 'tiny', input: 'hello' });

    expect(await image.json()).toMatchObject({ data: [{ b64_json: sha256('a cat') }] });
    expect(await heard.json()).toEqual({ text: `heard ${sha256('RIFF….wav')} for upstream/name` });
    expect(spoken.headers.get('content-type')).toBe('audio/mpeg');
    expect(await spoken.text()).toBe('spoken by upstream/name: hello');
    expect(await neuron.seatsTaken()).toBe(0);
  });

  test('are refused with 422 for a model of our own engine', async () => {
    await using neuron = await TestNeuron.start();
    await neuron.load();

    const answers = [
      await neuron.post('/v1/images/generations', { model: 'tiny', prompt: 'a cat' }),
      await fetch(`${neuron.url}/v1/audio/transcriptions`, { method: 'POST', body: form('tiny') }),
      await neuron.post('/v1/audio/speech', { model: 'tiny', input: 'hello' }),
    ];

    for (const answer of answers) {
      expect(answer.status).toBe(422);
      expect((await answer.json()).error.code).toBe('wrong_modality');
    }
  });
});
