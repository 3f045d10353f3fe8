import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { inProcessEngine } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';
import { createGate, createScriptedEngine } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';

import type { StartEngine } from '../src/engines/start-engine.ts';
import { failureOf, readUntil, scriptedEngine, TestNeuron, until } from './test-neuron.ts';

/** Counts how many engines are started. */
function counted(start: StartEngine): { readonly start: StartEngine; count(): number } {
  let count = 0;
  return {
    start: (options) => {
      count += 1;
      return start(options);
    },
    count: () => count,
  };
}

/** A probe by whose estimates every model needs that much RAM. */
const estimating =
  (ramMib: number): StartEngine =>
  async () => {
    const engine = createScriptedEngine();
    const estimate = engine.estimate.bind(engine);
    engine.estimate = async (spec, budget) => ({
      ...(await estimate(spec, budget)),
      ramMib,
      fits: ramMib <= (budget.ramMib ?? Infinity),
    });
    const connection = await inProcessEngine(engine);
    return { connection, kill: () => void connection.close(0) };
  };

const load = (neuron: TestNeuron, fields: Readonly<Record<string, unknown>> = {}) =>
  neuron.post('/models/load?wait=true', { model_id: 'tiny', ...fields });

const readError = async (answer: Response) => ({
  status: answer.status,
  retryAfter: answer.headers.get('retry-after'),
  ...(await answer.json()).error,
});

describe('concurrent load calls', () => {
  test('start one engine for five loads of one model, and share the outcome', async () => {
    const loadGate = createGate();
    const engines = counted(scriptedEngine({ loadGate }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    const loads = Array.from({ length: 5 }, () => load(neuron));
    await until(async () => (await neuron.model()).status === 'loading');

    loadGate.open();

    expect((await Promise.all(loads)).map(({ status }) => status)).toEqual([
      200, 200, 200, 200, 200,
    ]);
    expect(engines.count()).toBe(1);
  });

  test('shows the memory that a load has reserved, from before its end', async () => {
    const loadGate = createGate();
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine({ loadGate }), startProbe: estimating(70) },
    });
    const loaded = load(neuron);

    await until(async () => (await neuron.model())['ram_used_mb'] === 70);
    const during = await neuron.model();
    loadGate.open();
    await loaded;

    expect(during).toMatchObject({ status: 'loading', devices: [] });
  });

  test('all get the reason when the load fails', async () => {
    const loadFailure = new CortexError('model_load_failed', 'tiny.gguf: bad magic');
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine({ loadFailure }) },
    });

    const answers = await Promise.all([load(neuron), load(neuron), load(neuron)]);

    for (const answer of answers) {
      expect(await readError(answer)).toMatchObject({
        status: 422,
        message: 'tiny.gguf: bad magic',
      });
    }
  });

  test('load the model when they arrive during its unload', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load();
    const unload = neuron.post('/models/unload', { model_id: 'tiny' });

    const again = await load(neuron);

    expect([(await unload).status, again.status]).toEqual([200, 200]);
    expect((await neuron.model()).status).toBe('loaded');
  });

  test('answer at once when the model is loaded, with and without wait', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load({ context_length: 512 });

    const answer = await neuron.post('/models/load', { model_id: 'tiny' });

    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: 'loaded' });
  });
});

describe('a load', () => {
  test('continues when one of two waiters leaves', async () => {
    const loadGate = createGate();
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine({ loadGate }), abandonMs: 0 },
    });
    const leaving = new AbortController();
    const left = neuron.post(
      '/models/load?wait=true',
      { model_id: 'tiny' },
      { signal: leaving.signal },
    );
    await until(async () => (await neuron.model()).status === 'loading');
    const stays = load(neuron);
    leaving.abort();
    await failureOf(left);

    loadGate.open();

    expect((await stays).status).toBe(200);
  });

  test('continues after all waiters have left if a caller asked for it without wait', async () => {
    const loadGate = createGate();
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine({ loadGate }), abandonMs: 0 },
    });
    const asked = await neuron.post('/models/load', { model_id: 'tiny' });
    const leaving = new AbortController();
    const left = neuron.post(
      '/models/load?wait=true',
      { model_id: 'tiny' },
      { signal: leaving.signal },
    );
    leaving.abort();
    await failureOf(left);

    loadGate.open();

    expect(asked.status).toBe(202);
    expect(await asked.json()).toEqual({ status: 'loading' });
    await until(async () => (await neuron.model()).status === 'loaded');
  });

  test('that no caller waits for ends at once when another load wants its room', async () => {
    const loadGate = createGate();
    const [held, free] = [scriptedEngine({ loadGate }), scriptedEngine()];
    await using neuron = await TestNeuron.start({
      flags: { 'devices.cpu_memory_mb': 1000 },
      parts: {
        startEngine: (options) => (options.modelId === 'tiny' ? held : free)(options),
        startProbe: estimating(600),
      },
      prepare: (dir) => writeFileSync(join(dir, 'other.gguf'), 'GGUF'),
    });
    const leaving = new AbortController();
    const left = neuron.post(
      '/models/load?wait=true',
      { model_id: 'tiny' },
      { signal: leaving.signal },
    );
    await until(async () => ((await neuron.model()).progress ?? 0) > 0);
    const refused = await load(neuron, { model_id: 'other' });
    leaving.abort();
    await failureOf(left);

    const answer = await load(neuron, { model_id: 'other' });

    expect(await readError(refused)).toMatchObject({ status: 503, code: 'insufficient_vram' });
    expect(answer.status).toBe(200);
    expect((await neuron.model()).status).toBe('unloaded');
  });

  test('shows its progress in /models', async () => {
    const loadGate = createGate();
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine({ loadGate }) },
    });
    await neuron.post('/models/load', { model_id: 'tiny' });

    await until(async () => ((await neuron.model()).progress ?? 0) > 0);

    loadGate.open();
  });

  test('shows its progress and the expected wait in the refusal of a request', async () => {
    const loadGate = createGate();
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine({ loadGate }) },
    });
    await neuron.post('/models/load', { model_id: 'tiny' });
    await until(async () => ((await neuron.model()).progress ?? 0) > 0.1);

    const error = await readError(await neuron.chat());

    expect(error).toMatchObject({ status: 404, code: 'model_not_loaded' });
    expect(error.loading).toMatchObject({ state: 'loading', progress: expect.any(Number) });
    expect(error.loading.eta_s).toBeNumber();
    loadGate.open();
  });
});

describe('load calls', () => {
  test('pass context_length and slots to the engine unchanged', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    await neuron.load({ context_length: 777, slots: 3 });

    expect(await neuron.model()).toMatchObject({
      limit: { context: 777 },
      settings: { context_length: 777, slots: 3 },
    });
    expect((await neuron.health()).models[0]?.max_in_flight).toBe(3);
  });

  test('with settings that differ from the loaded ones are a conflict that names them', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load({ context_length: 777, slots: 3 });

    const error = await readError(await load(neuron, { context_length: 512, slots: 2 }));

    expect(error).toMatchObject({
      status: 409,
      code: 'conflict',
      keys: ['context_length', 'slots'],
    });
  });

  test.each([
    ['tensor_parallel', 2],
    ['mmproj', '/x.gguf'],
    ['args', ['--fast']],
    ['upstream_model', 'x'],
  ])(
    'with the unsupported %s are refused by name and leave the model unloaded',
    async (key, value) => {
      await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

      const error = await readError(await load(neuron, { [key]: value }));

      expect(error).toMatchObject({ status: 400, code: 'unsupported_parameter', param: key });
      expect((await neuron.model()).status).toBe('unloaded');
    },
  );

  test('with an unknown field are refused by name', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    expect(await readError(await load(neuron, { contxt: 1 }))).toMatchObject({
      status: 400,
      param: 'contxt',
    });
  });

  test('with an unknown harness are refused with the available harnesses', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    const error = await readError(await load(neuron, { harness: 'mistralrs' }));

    expect(error).toMatchObject({ status: 422, code: 'model_load_failed' });
    expect(error.message).toContain('llama');
    expect((await neuron.model()).status).toBe('unloaded');
  });
});

describe('a failed load', () => {
  test('names the missing file with its expected path', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    const error = await readError(await load(neuron, { model_id: 'org/absent' }));

    expect(error).toMatchObject({ status: 422, code: 'model_load_failed' });
    expect(error.message).toContain(join(neuron.modelsDir, 'org/absent.gguf'));
    expect(error.message).toContain('name a source');
    expect((await neuron.model('org/absent')).reason).toBe(error.message);
  });

  test('answers 503 with the remaining back-off after a transient failure', async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const engines = counted(scriptedEngine({ loadFailure }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    await load(neuron);

    const error = await readError(await load(neuron));

    expect(error).toMatchObject({ status: 503, message: 'out of memory' });
    expect(Number(error.retryAfter)).toBeGreaterThan(1);
    expect(engines.count()).toBe(1);
  });

  test("is tried again at once by an operator's call", async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const engines = counted(scriptedEngine({ loadFailure }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    await load(neuron);

    await load(neuron, { detached: true });

    expect(engines.count()).toBe(2);
  });

  test('is tried again at once when the file was replaced', async () => {
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine() },
      prepare: (dir) => rmSync(join(dir, 'tiny.gguf')),
    });
    expect((await load(neuron)).status).toBe(422);

    writeFileSync(join(neuron.modelsDir, 'tiny.gguf'), 'GGUF');

    expect((await load(neuron)).status).toBe(200);
  });

  test('is tried again at once with corrected settings', async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const engines = counted(scriptedEngine({ loadFailure }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    await load(neuron, { context_length: 512 });
    await load(neuron, { context_length: 512 });
    expect(engines.count()).toBe(1);

    await load(neuron, { context_length: 256 });

    expect(engines.count()).toBe(2);
  });

  test('is tried again at once when another model has released memory', async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const failing = counted(scriptedEngine({ loadFailure }));
    const working = scriptedEngine();
    await using neuron = await TestNeuron.start({
      parts: {
        startEngine: (options) =>
          (options.modelId === 'tiny' ? failing : { start: working }).start(options),
      },
      prepare: (dir) => writeFileSync(join(dir, 'other.gguf'), 'GGUF'),
    });
    expect((await load(neuron, { model_id: 'other' })).status).toBe(200);
    await load(neuron);
    await load(neuron);
    expect(failing.count()).toBe(1);

    await neuron.post('/models/unload', { model_id: 'other' });
    await load(neuron);

    expect(failing.count()).toBe(2);
  });

  test('is tried again at once after an unload', async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const engines = counted(scriptedEngine({ loadFailure }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    await load(neuron);

    await neuron.post('/models/unload', { model_id: 'tiny' });
    await load(neuron);

    expect(engines.count()).toBe(2);
  });

  test('is tried again at once when a valid file of the same size and time replaces a broken one', async () => {
    await using neuron = await TestNeuron.start();
    const path = join(neuron.modelsDir, 'tiny.gguf');
    const whole = readFileSync(path);
    const at = statSync(path).mtime;
    writeFileSync(path, Buffer.alloc(whole.length, 'x'));
    utimesSync(path, at, at);
    expect((await load(neuron)).status).toBe(422);

    writeFileSync(path, whole);
    utimesSync(path, at, at);

    expect((await load(neuron)).status).toBe(200);
  });

  test.each([
    ['draft', { draft: 'helper' }],
    ['lora', { lora: [{ source: 'file:helper.gguf' }] }],
  ])('is tried again at once when the missing file of its %s was added', async (_name, fields) => {
    const engines = counted(scriptedEngine());
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    expect((await load(neuron, fields)).status).toBe(422);

    writeFileSync(join(neuron.modelsDir, 'helper.gguf'), 'GGUF');

    await load(neuron, fields);
    expect(engines.count()).toBe(1);
  });

  test('is no longer listed once its file was put back, without a new call', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    const [path, aside] = ['tiny.gguf', 'aside'].map((name) => join(neuron.modelsDir, name));
    renameSync(path ?? '', aside ?? '');
    await load(neuron);
    expect((await neuron.model()).status).toBe('failed');

    renameSync(aside ?? '', path ?? '');
    // Looks at the folder again, as the daemon does by itself every few seconds.
    await load(neuron, { model_id: 'absent' });

    await until(async () => (await neuron.model()).status === 'unloaded');
  });

  test('names the broken file and the cause, stays listed, and does not affect other models', async () => {
    await using neuron = await TestNeuron.start({
      prepare: (dir) => writeFileSync(join(dir, 'broken.gguf'), 'this is no GGUF at all'),
    });

    const error = await readError(await load(neuron, { model_id: 'broken' }));

    expect(error).toMatchObject({ status: 422, code: 'model_load_failed' });
    expect(error.message).toContain('broken.gguf');
    expect(await neuron.model('broken')).toMatchObject({ status: 'failed', reason: error.message });
    await neuron.load();
  });
});

const held = () => {
  const gate = createGate();
  const startEngine = scriptedEngine({
    slots: 1,
    answer: () => ({ items: [{ text: 'one ' }, { text: 'two' }], gates: { 1: gate } }),
  });
  return { gate, startEngine };
};

describe('an unload', () => {
  test('waits for requests in flight and refuses new ones', async () => {
    const { gate, startEngine } = held();
    await using neuron = await TestNeuron.start({ parts: { startEngine } });
    await neuron.load();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), 'one');

    const unload = neuron.post('/models/unload', { model_id: 'tiny' });
    await until(async () => (await neuron.model()).status === 'draining');
    const refused = await neuron.chat();
    gate.open();

    const rest = [];
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      rest.push(new TextDecoder().decode(part.value));
    }
    expect(rest.join('')).toContain('[DONE]');
    expect((await unload).status).toBe(200);
    expect(await readError(refused)).toMatchObject({ status: 404, code: 'model_not_loaded' });
    expect(refused.headers.get('x-neuron-refused')).toBe('1');
  });

  test('is withdrawn when its caller leaves while requests are in flight, and the model serves again', async () => {
    const { gate, startEngine } = held();
    await using neuron = await TestNeuron.start({ parts: { startEngine } });
    await neuron.load();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), 'one');
    const leaving = new AbortController();
    const unload = neuron.post('/models/unload', { model_id: 'tiny' }, { signal: leaving.signal });
    await until(async () => (await neuron.model()).status === 'draining');

    leaving.abort();

    await failureOf(unload);
    await until(async () => (await neuron.model()).status === 'loaded');
    gate.open();
    await readUntil(reader, '[DONE]');
    expect((await neuron.chat()).status).toBe(200);
  });

  test("is withdrawn by an operator's load, and its caller gets 409", async () => {
    const { gate, startEngine } = held();
    await using neuron = await TestNeuron.start({ parts: { startEngine } });
    await neuron.load();
    const { generation } = await neuron.model();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), 'one');
    const unload = neuron.post('/models/unload', { model_id: 'tiny' });
    await until(async () => (await neuron.model()).status === 'draining');

    const loaded = await neuron.post('/models/load', { model_id: 'tiny' });

    expect(await loaded.json()).toEqual({ status: 'loaded' });
    expect(await readError(await unload)).toMatchObject({ status: 409, code: 'conflict' });
    gate.open();
    await readUntil(reader, '[DONE]');
    expect(await neuron.model()).toMatchObject({ status: 'loaded', generation });
  });

  test('is followed by a waiting load, which queues behind it', async () => {
    const { gate, startEngine } = held();
    await using neuron = await TestNeuron.start({ parts: { startEngine } });
    await neuron.load();
    const { generation } = await neuron.model();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), 'one');
    const unload = neuron.post('/models/unload', { model_id: 'tiny' });
    await until(async () => (await neuron.model()).status === 'draining');
    const again = load(neuron);

    gate.open();

    await readUntil(reader, '[DONE]');
    expect([(await unload).status, (await again).status]).toEqual([200, 200]);
    expect(await neuron.model()).toMatchObject({ status: 'loaded', generation: generation + 1 });
  });

  test('with force ends a request in flight with an error and a complete stream', async () => {
    const { startEngine } = held();
    await using neuron = await TestNeuron.start({ parts: { startEngine } });
    await neuron.load();
    const { reader, seen } = await readUntil(await neuron.chat({ stream: true }), 'one');

    const unload = await neuron.post('/models/unload', { model_id: 'tiny', force: true });

    let text = seen;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += new TextDecoder().decode(part.value);
    }
    expect(unload.status).toBe(200);
    expect(text).toContain('"code":"no_capacity"');
    expect(text).toEndWith('data: [DONE]\n\n');
  });

  test('with if_idle is a conflict while a request runs, and unloads nothing', async () => {
    const { startEngine } = held();
    await using neuron = await TestNeuron.start({ parts: { startEngine } });
    await neuron.load();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), 'one');

    const answer = await neuron.post('/models/unload', { model_id: 'tiny', if_idle: true });

    expect(await readError(answer)).toMatchObject({ status: 409, code: 'conflict' });
    expect((await neuron.model()).status).toBe('loaded');
    await reader.cancel();
  });

  test('with if_generation is a conflict if the model was loaded again', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load();
    const { generation } = await neuron.model();
    await neuron.post('/models/unload', { model_id: 'tiny' });
    await neuron.load();

    const answer = await neuron.post('/models/unload', {
      model_id: 'tiny',
      if_generation: generation,
    });

    expect(await readError(answer)).toMatchObject({ status: 409, code: 'conflict' });
  });

  test('answers 404 for an unknown model, and 200 for one that is not loaded', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    const [unknown, idle] = await Promise.all([
      neuron.post('/models/unload', { model_id: 'nobody/has-it' }),
      neuron.post('/models/unload', { model_id: 'tiny' }),
    ]);

    expect([unknown.status, idle.status]).toEqual([404, 200]);
  });

  test('follows when a model was idle for its TTL, but not for a pinned model', async () => {
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine() },
      prepare: (dir) => writeFileSync(join(dir, 'pinned.gguf'), 'GGUF'),
    });
    await neuron.load({ ttl_s: 0.1 });
    await load(neuron, { model_id: 'pinned', ttl_s: 0.1, pinned: true });

    await until(async () => (await neuron.model()).status === 'unloaded');

    expect(await neuron.model('pinned')).toMatchObject({ status: 'loaded', pinned: true });
  });
});

test('idle_ms in /models counts from the end of the last request to the answer', async () => {
  const gate = createGate();
  await using neuron = await TestNeuron.start({
    parts: {
      startEngine: scriptedEngine({
        answer: () => ({ items: [{ text: 'one ' }, { text: 'two' }], gates: { 1: gate } }),
      }),
    },
  });
  await neuron.load();
  const { reader } = await readUntil(await neuron.chat({ stream: true }), 'one');
  expect((await neuron.model()).idle_ms).toBe(0);

  gate.open();
  while (!(await reader.read()).done);

  const { idle_ms: idleMs, age_ms: ageMs } = await neuron.model();
  expect(idleMs).toBeLessThanOrEqual(ageMs ?? 0);
});
