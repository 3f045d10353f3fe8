import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { CortexError } from '@cortex/protocol';
import { createGate } from '@cortex/testkit';
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

const load = (neuron: TestNeuron, fields: Readonly<Record<string, unknown>> = {}) =>
  neuron.post('/models/load?wait=true', { model_id: 'tiny', ...fields });

const readError = async (answer: Response) => ({
  status: answer.status,
  retryAfter: answer.headers.get('retry-after'),
  ...(await answer.json()).error,
});

describe('single flight', () => {
  test('five loads of one model at the same time start one engine and share its outcome', async () => {
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

  test('all waiters of a load that fails get its reason', async () => {
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

  test('a load right after an unload began is a load, never an error', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load();
    const unload = neuron.post('/models/unload', { model_id: 'tiny' });

    const again = await load(neuron);

    expect([(await unload).status, again.status]).toEqual([200, 200]);
    expect((await neuron.model()).status).toBe('loaded');
  });

  test('a load of a loaded model answers at once, whoever asks how', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });
    await neuron.load({ context_length: 512 });

    const answer = await neuron.post('/models/load', { model_id: 'tiny' });

    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ status: 'loaded' });
  });
});

describe('waiters', () => {
  test('a load that one of two waiters leaves goes on', async () => {
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

  test('a load that was asked for without waiting goes on although every waiter leaves', async () => {
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

  test('progress of a load is in /models', async () => {
    const loadGate = createGate();
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine({ loadGate }) },
    });
    await neuron.post('/models/load', { model_id: 'tiny' });

    await until(async () => ((await neuron.model()).progress ?? 0) > 0);

    loadGate.open();
  });
});

describe('settings', () => {
  test('context_length and slots reach the engine as written', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    await neuron.load({ context_length: 777, slots: 3 });

    expect(await neuron.model()).toMatchObject({
      limit: { context: 777 },
      settings: { context_length: 777, slots: 3 },
    });
    expect((await neuron.health()).models[0]?.max_in_flight).toBe(3);
  });

  test('a load with other settings than the loaded ones is a conflict that names them', async () => {
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
    ['on_image', 'placeholder'],
  ])('%s is refused by name and leaves the model as it was', async (key, value) => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    const error = await readError(await load(neuron, { [key]: value }));

    expect(error).toMatchObject({ status: 400, code: 'unsupported_parameter', param: key });
    expect((await neuron.model()).status).toBe('unloaded');
  });

  test('an unknown field of a load call is refused by name', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    expect(await readError(await load(neuron, { contxt: 1 }))).toMatchObject({
      status: 400,
      param: 'contxt',
    });
  });

  test('an unknown harness is refused, naming those that exist', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    const error = await readError(await load(neuron, { harness: 'mistralrs' }));

    expect(error).toMatchObject({ status: 422, code: 'model_load_failed' });
    expect(error.message).toContain('llama');
    expect((await neuron.model()).status).toBe('unloaded');
  });
});

describe('failed loads', () => {
  test('a file on no disk is named, with where it was looked for', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    const error = await readError(await load(neuron, { model_id: 'org/absent' }));

    expect(error).toMatchObject({ status: 422, code: 'model_load_failed' });
    expect(error.message).toContain(join(neuron.modelsDir, 'org/absent.gguf'));
    expect(error.message).toContain('cannot download');
    expect((await neuron.model('org/absent')).reason).toBe(error.message);
  });

  test('a failure that may pass is 503 with what is left of the back-off', async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const engines = counted(scriptedEngine({ loadFailure }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    await load(neuron);

    const error = await readError(await load(neuron));

    expect(error).toMatchObject({ status: 503, message: 'out of memory' });
    expect(Number(error.retryAfter)).toBeGreaterThan(1);
    expect(engines.count()).toBe(1);
  });

  test("the operator's load is tried at once", async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const engines = counted(scriptedEngine({ loadFailure }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    await load(neuron);

    await load(neuron, { detached: true });

    expect(engines.count()).toBe(2);
  });

  test('a file that was replaced is tried at once', async () => {
    await using neuron = await TestNeuron.start({
      parts: { startEngine: scriptedEngine() },
      prepare: (dir) => rmSync(join(dir, 'tiny.gguf')),
    });
    expect((await load(neuron)).status).toBe(422);

    writeFileSync(join(neuron.modelsDir, 'tiny.gguf'), 'GGUF');

    expect((await load(neuron)).status).toBe(200);
  });

  test('a call with corrected settings is tried at once', async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const engines = counted(scriptedEngine({ loadFailure }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    await load(neuron, { context_length: 512 });
    await load(neuron, { context_length: 512 });
    expect(engines.count()).toBe(1);

    await load(neuron, { context_length: 256 });

    expect(engines.count()).toBe(2);
  });

  test('a load that may pass is tried at once when another model has given memory back', async () => {
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

  test('a failed model that is unloaded is tried at once', async () => {
    const loadFailure = new CortexError('model_load_failed', 'out of memory', { transient: true });
    const engines = counted(scriptedEngine({ loadFailure }));
    await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
    await load(neuron);

    await neuron.post('/models/unload', { model_id: 'tiny' });
    await load(neuron);

    expect(engines.count()).toBe(2);
  });

  test('a broken file is tried at once when a whole one of the same size and time takes its place', async () => {
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
  ])(
    'a load is tried at once when the file of its %s is put in its place',
    async (_name, fields) => {
      const engines = counted(scriptedEngine());
      await using neuron = await TestNeuron.start({ parts: { startEngine: engines.start } });
      expect((await load(neuron, fields)).status).toBe(422);

      writeFileSync(join(neuron.modelsDir, 'helper.gguf'), 'GGUF');

      await load(neuron, fields);
      expect(engines.count()).toBe(1);
    },
  );

  test('a model whose file was put back is not listed as failed any more, though nobody has asked for it', async () => {
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

  test('a broken file fails with its name and cause, stays listed, and takes nothing else along', async () => {
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

describe('unload', () => {
  test('requests in flight finish before the model is unloaded, new ones are refused', async () => {
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

  test('force ends a request in flight with an error and a clean end', async () => {
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

  test('if_idle is a conflict while a request runs, and nothing is unloaded', async () => {
    const { startEngine } = held();
    await using neuron = await TestNeuron.start({ parts: { startEngine } });
    await neuron.load();
    const { reader } = await readUntil(await neuron.chat({ stream: true }), 'one');

    const answer = await neuron.post('/models/unload', { model_id: 'tiny', if_idle: true });

    expect(await readError(answer)).toMatchObject({ status: 409, code: 'conflict' });
    expect((await neuron.model()).status).toBe('loaded');
    await reader.cancel();
  });

  test('if_generation is a conflict when the model was loaded again meanwhile', async () => {
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

  test('a model nobody has is 404, one that is not loaded is done already', async () => {
    await using neuron = await TestNeuron.start({ parts: { startEngine: scriptedEngine() } });

    const [unknown, idle] = await Promise.all([
      neuron.post('/models/unload', { model_id: 'nobody/has-it' }),
      neuron.post('/models/unload', { model_id: 'tiny' }),
    ]);

    expect([unknown.status, idle.status]).toEqual([404, 200]);
  });

  test('a model that was idle for its ttl is unloaded; a pinned one stays', async () => {
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

test('idle time counts from the end of a request, in milliseconds at answering time', async () => {
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
