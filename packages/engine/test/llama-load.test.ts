import { expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { loadTiny, TINY_MODEL, TINY_SPEC } from './llama-under-test.ts';

/** The cache folders of this process in RAM. */
const ownFolders = (): string[] =>
  readdirSync('/dev/shm').filter((name) => name.includes(`-${process.pid}-`));

const never = () => new AbortController().signal;

test('close during a load ends the load, and later calls are refused', async () => {
  const engine = createLlamaEngine();
  const load = engine.load(TINY_SPEC, () => undefined, never());
  const outcome = load.then(
    () => undefined,
    (error: unknown) => error,
  );

  await engine.close(0);

  expect(await outcome).toMatchObject({ code: 'model_load_failed', details: { transient: true } });
  await expect(
    engine.tokenize('x', { addSpecial: false, parseSpecial: false }),
  ).rejects.toMatchObject({
    code: 'shutting_down',
  });
});

test.each(['starting', 'weights', 'context', 'ready'] as const)(
  'a load that is cancelled in the phase "%s" fails as cancelled and frees everything',
  async (phase) => {
    const engine = createLlamaEngine();
    const abort = new AbortController();
    const before = ownFolders();

    const load = engine.load(
      { ...TINY_SPEC, promptCacheMib: 64, draft: { kind: 'model', modelPath: TINY_MODEL } },
      (progress) => progress.phase === phase && abort.abort(),
      abort.signal,
    );

    await expect(load).rejects.toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('cancelled'),
      details: { transient: true },
    });
    await engine.close(0);
    expect(ownFolders()).toEqual(before);
  },
);

test('invalid params of the catalogue fail the load with the name of the parameter', async () => {
  await expect(loadTiny({ params: { temperature: 'hot' } })).rejects.toMatchObject({
    code: 'model_load_failed',
    message: expect.stringContaining('temperature'),
  });
  await expect(loadTiny({ params: { mirostat: 2 } })).rejects.toMatchObject({
    code: 'model_load_failed',
    message: expect.stringContaining('mirostat'),
  });
});

test('a load without weights tokenizes, renders and counts, and refuses to generate', async () => {
  const engine = createLlamaEngine();
  const loaded = await engine.load({ ...TINY_SPEC, vocabOnly: true }, () => undefined, never());
  const body = { messages: [{ role: 'user', content: 'Hi' }] };

  expect(loaded.capabilities).toEqual(['tokenizer']);
  expect(await engine.applyTemplate(body)).toContain('Hi');
  expect(await engine.count(body)).toBeGreaterThan(3);
  const request = { id: 'a', route: 'chat', body, principal: 'x', requestId: 'a' } as const;
  const [event] = await Array.fromAsync(engine.generate(request, never()));
  expect(event).toMatchObject({ type: 'error', code: 'model_not_loaded' });
  await engine.close(0);
});

test('the reported devices are those of the requested backend', async () => {
  const engine = await loadTiny();

  expect(await engine.devices()).toMatchObject([{ backend: 'cpu' }]);
  await engine.close(0);
});

test.each([
  [{ slots: 300 }, 'slots = 300 is more than the 256 that are possible'],
  [{ contextLength: 10_000_000 }, 'is more than the 4096 tokens it was trained for'],
])(
  '%j is refused by the estimate and by the load, with the name of the setting',
  async (settings, why) => {
    const spec = { ...TINY_SPEC, ...settings };
    const refused = { code: 'model_load_failed', message: expect.stringContaining(why) };
    const engine = createLlamaEngine();

    await expect(engine.estimate(spec, {})).rejects.toMatchObject(refused);
    await expect(engine.load(spec, () => undefined, never())).rejects.toMatchObject(refused);
    await engine.close(0);
  },
);

test('a load that runs out of memory fails with a transient error that says what to do', async () => {
  const program = fileURLToPath(new URL('fixtures/load-large-context.ts', import.meta.url));
  const { stdout } = Bun.spawnSync([
    'sh',
    '-c',
    // Enough memory for the runtime and the weights, too little for 2.5 GB of cells.
    'ulimit -d 1200000; exec "$0" "$1" "$2"',
    process.execPath,
    program,
    TINY_MODEL,
  ]);

  expect(JSON.parse(stdout.toString())).toEqual({
    code: 'model_load_failed',
    transient: true,
    extra: { out_of_memory: true },
    message: `Cannot load ${TINY_MODEL}: this machine has too little free memory for it. Unload another model, or load this one with fewer slots or a shorter context_length.`,
  });
});
