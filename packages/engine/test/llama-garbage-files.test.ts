import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { tinyLora } from '@cortex/testkit/gguf/tiny-lora';
import fc from 'fast-check';
import { z } from 'zod';

import { thrownBy } from '../src/conformance/subject.ts';
import { spawnEngine } from '../src/index.ts';
import { BROKEN_MODELS, flipped, HEADER_BYTES } from './fixtures/broken-models.ts';
import { TINY_SPEC } from './llama-under-test.ts';

const SCALE = Number(process.env['SCALE'] ?? 1 / 20);
const FLIPS = Math.max(10, Math.round(200 * SCALE));
const SEED = Number(process.env['SEED'] ?? 1);

/** At full size all of them; otherwise every third, because files that crash the process take seconds. */
const BROKEN = BROKEN_MODELS.filter((_, index) => SCALE >= 1 || index % 3 === 0);

const PROGRAM = fileURLToPath(new URL('fixtures/load-files.ts', import.meta.url));

/** A file takes well under a second. A process without output for this long hangs. */
const HANGS_MS = 20_000;

/** The library and a model of 4 MB take about 430. A trusted count in a broken file takes all memory. */
const MOST_RSS_MIB = 1024;

const Line = z.object({
  began: z.string().optional(),
  path: z.string().optional(),
  code: z.string().optional(),
  message: z.string().optional(),
  ended: z.string().optional(),
  rssMib: z.number().optional(),
});

interface Loaded {
  readonly path: string;
  /** `died`: the process crashed. */
  readonly outcome: 'died' | 'hung' | z.infer<typeof Line>;
}

describe('broken model files', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'garbage-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Writes each file under a unique name. */
  async function write(kind: string, files: readonly Uint8Array[]): Promise<readonly string[]> {
    await mkdir(join(folder, kind));
    const paths = files.map((_, index) => join(folder, kind, `${kind}-${index}.gguf`));
    await Promise.all(paths.map((path, index) => writeFile(path, files[index] ?? '')));
    return paths;
  }

  test(
    'each fails with its name or loads; a crash is reported by the owner of the process',
    async () => {
      const paths = await write(
        'broken',
        BROKEN.map(({ bytes }) => bytes),
      );

      const loaded = await loadAll('--model', paths);

      expect(loaded.map(({ path }) => path)).toEqual([...paths]);
      for (const [index, { path, outcome }] of loaded.entries())
        expectHandled({ name: BROKEN[index]?.name ?? '', path, outcome });
      const [killer] = loaded.filter(({ outcome }) => outcome === 'died');
      if (killer !== undefined) await expectDeathIsTold(killer.path);
    },
    { timeout: 180_000 },
  );

  test(
    `${FLIPS} headers with bytes flipped (SEED=${SEED}) do no more than fail`,
    async () => {
      const change = fc.tuple(fc.nat({ max: HEADER_BYTES - 1 }), fc.nat({ max: 255 }));
      const changes = fc.sample(fc.array(change, { minLength: 1, maxLength: 8 }), {
        seed: SEED,
        numRuns: FLIPS,
      });
      const paths = await write('flipped', changes.map(flipped));

      for (const { path, outcome } of await loadAll('--model', paths))
        expectHandled({ name: JSON.stringify(changes[paths.indexOf(path)]), path, outcome });
    },
    { timeout: 60_000 + FLIPS * 2_000 },
  );

  test('a broken LoRA adapter fails with its name', async () => {
    const adapter = writeGguf(tinyLora());
    const files = [
      adapter.subarray(0, 40),
      adapter.subarray(0, adapter.length >> 1),
      Buffer.alloc(4096, 'x'),
      flipped([]),
    ];
    const paths = await write('lora', files);

    for (const { path, outcome } of await loadAll('--lora', paths)) {
      expect(outcome).toMatchObject({ code: 'model_load_failed' });
      expect(JSON.stringify(outcome)).toContain(basename(path));
    }
  });
});

function expectHandled({ name, path, outcome }: Loaded & { readonly name: string }): void {
  expect({ name, outcome }).not.toEqual({ name, outcome: 'hung' });
  if (outcome === 'died' || outcome === 'hung') return;
  expect(outcome.rssMib).toBeLessThan(MOST_RSS_MIB);
  if (outcome.ended !== undefined) return;
  expect({ name, code: outcome.code }).toEqual({ name, code: 'model_load_failed' });
  expect(outcome.message).toContain(basename(path));
}

async function expectDeathIsTold(modelPath: string): Promise<void> {
  const engine = await spawnEngine();

  const load = engine.load(
    { ...TINY_SPEC, modelPath },
    () => undefined,
    new AbortController().signal,
  );

  const error = await thrownBy(load);
  expect(error).toMatchObject({ code: 'model_load_failed' });
  expect(String(error)).toContain(basename(modelPath));
  expect(String(error)).toContain('GGML_ASSERT');
  await engine.ended;
}

/** The outcome of each file, in order. After a crash, another process continues with the remaining files. */
async function loadAll(kind: '--model' | '--lora', paths: readonly string[]): Promise<Loaded[]> {
  const loaded: Loaded[] = [];
  while (loaded.length < paths.length) {
    const before = loaded.length;
    loaded.push(...(await loadSome(kind, paths.slice(before))));
    if (loaded.length === before) throw new Error('the program that loads does not start');
  }
  return loaded;
}

async function loadSome(kind: string, paths: readonly string[]): Promise<Loaded[]> {
  const child = Bun.spawn([process.execPath, PROGRAM, kind, ...paths], { stderr: 'ignore' });
  const loaded: Loaded[] = [];
  let current: string | undefined;
  let isHung = false;
  const hang = () => {
    isHung = true;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(hang, HANGS_MS);
  for await (const text of linesOf(child.stdout)) {
    clearTimeout(timer);
    timer = setTimeout(hang, HANGS_MS);
    // The library also writes here.
    if (!text.startsWith('{')) continue;
    const line = Line.parse(JSON.parse(text));
    current = line.began;
    if (line.path !== undefined) loaded.push({ path: line.path, outcome: line });
  }
  clearTimeout(timer);
  await child.exited;
  if (current !== undefined) loaded.push({ path: current, outcome: isHung ? 'hung' : 'died' });
  return loaded;
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
