import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Fault, ServedRequest } from '@cortex/testkit/hub/file-server';
import { type HubStage, sha256Of, startHubServer } from '@cortex/testkit/hub/hub-server';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { download } from '../src/store/pull/download.ts';
import { endOf, noPauses, PullFixture, REPO, reportOf, startPuller, TINY } from './pull-fixture.ts';
import { createTestFolder, failureOf, until } from './test-neuron.ts';

const SOURCE = `hf:${REPO}`;
const CALL = { model_id: 'm', source: SOURCE };

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const startOf = ({ headers }: ServedRequest): number =>
  Number(/bytes=(\d+)-/.exec(headers.get('range') ?? '')?.[1] ?? 0);

function blobsOf(modelsDir: string): string[] {
  try {
    return readdirSync(join(modelsDir, 'models--org--tiny-GGUF/blobs'));
  } catch {
    // The first download has not begun.
    return [];
  }
}

describe('a pull', () => {
  test('that is cut at 20 random points completes with the right checksum', async () => {
    const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
    process.stdout.write(`seed of the cuts: SEED=${seed}\n`);
    const random = randomNumbers(seed);
    const cuts = Array.from({ length: 20 }, () => Math.floor(random() * TINY.length)).sort(
      (a, b) => a - b,
    );
    await using fixture = await PullFixture.start({
      fault: (stage, request) => {
        const at = stage === 'cdn' ? cuts.shift() : undefined;
        return at === undefined
          ? undefined
          : { kind: 'cut', bodyBytes: Math.max(1, at - startOf(request)) };
      },
    });

    const report = await fixture.pulled(CALL);

    expect(report).toMatchObject({ status: 'done', bytes_done: TINY.length });
    expect(cuts).toEqual([]);
    expect(fixture.hub.requestsOf('cdn')).toHaveLength(21);
    expect(blobsOf(fixture.neuron.modelsDir)).toEqual([sha256Of(TINY)]);
    const blob = readFileSync(
      join(fixture.neuron.modelsDir, 'models--org--tiny-GGUF/blobs', sha256Of(TINY)),
    );
    expect(sha256Of(blob)).toBe(sha256Of(TINY));
  });

  test.each<[string, HubStage, Fault]>([
    ['before the answer about the repository', 'info', { kind: 'cut', bodyBytes: -10_000 }],
    ['in the answer about the repository', 'info', { kind: 'cut', bodyBytes: 5 }],
    ['in the list of its files', 'tree', { kind: 'cut', bodyBytes: 20 }],
    ['before the redirect', 'resolve', { kind: 'cut', bodyBytes: -10_000 }],
    ['before the bytes', 'cdn', { kind: 'cut', bodyBytes: -10_000 }],
    ['in the head of the bytes', 'cdn', { kind: 'cut', bodyBytes: -5 }],
    ['at the first byte', 'cdn', { kind: 'cut', bodyBytes: 0 }],
    ['at the last byte', 'cdn', { kind: 'cut', bodyBytes: TINY.length - 1 }],
  ])('that is cut %s completes', async (_where, stage, fault) => {
    let isCut = false;
    await using fixture = await PullFixture.start({
      fault: (at) => {
        if (at !== stage || isCut) return undefined;
        isCut = true;
        return fault;
      },
    });

    const report = await fixture.pulled(CALL);

    expect(report).toMatchObject({ status: 'done', bytes_done: TINY.length });
    expect(isCut).toBe(true);
  });

  test('that gets 429, 500 and 503 waits as long as the server says, and completes', async () => {
    const answers = [
      { status: 429, headers: { 'retry-after': '17' } },
      { status: 500 },
      { status: 503 },
    ];
    const { ms, pulls } = noPauses();
    await using fixture = await PullFixture.start({
      pulls,
      fault: (stage) => {
        const answer = stage === 'cdn' ? answers.shift() : undefined;
        return answer && { kind: 'answer', answer };
      },
    });

    expect(await fixture.pulled(CALL)).toMatchObject({ status: 'done' });
    expect(ms).toEqual([17_000, 2000, 4000]);
  });

  test.each<HubStage>(['info', 'tree', 'resolve'])(
    'whose question (%s) gets 429 waits as long as the server says, and completes',
    async (stage) => {
      const answers = [{ status: 429, headers: { 'retry-after': '17' } }];
      const { ms, pulls } = noPauses();
      await using fixture = await PullFixture.start({
        pulls,
        fault: (at) => {
          const answer = at === stage ? answers.shift() : undefined;
          return answer && { kind: 'answer', answer };
        },
      });

      expect(await fixture.pulled(CALL)).toMatchObject({ status: 'done' });
      expect(ms).toEqual([17_000]);
    },
  );

  test('gives up after six failures in a row without a byte, and says which', async () => {
    const { ms, pulls } = noPauses();
    await using fixture = await PullFixture.start({
      pulls,
      fault: (stage) => (stage === 'cdn' ? { kind: 'answer', answer: { status: 502 } } : undefined),
    });

    const report = await fixture.pulled(CALL);

    expect(report).toMatchObject({ status: 'failed' });
    expect(report.error).toContain('answered 502');
    expect(ms).toEqual([1000, 2000, 4000, 8000, 16_000]);
    expect(await fixture.neuron.model('m')).toMatchObject({
      status: 'failed',
      reason: report.error ?? '',
    });
  });

  test('on a connection that sends nothing any more continues on another one', async () => {
    const never = Promise.withResolvers<void>();
    let isHeld = false;
    await using fixture = await PullFixture.start({
      pulls: noPauses({ stallMs: 50 }).pulls,
      fault: (stage) => {
        if (stage !== 'cdn' || isHeld) return undefined;
        isHeld = true;
        return { kind: 'hold', bodyBytes: 1000, until: never.promise };
      },
    });

    const report = await fixture.pulled(CALL);
    never.resolve();

    expect(report).toMatchObject({ status: 'done' });
    expect(fixture.hub.requestsOf('cdn').map(startOf)).toEqual([0, 1000]);
  });

  test('is taken up where it was by the next daemon', async () => {
    const never = Promise.withResolvers<void>();
    let held = 0;
    const folder = createTestFolder();
    await using hub = await startHubServer({
      repositories: { [REPO]: { files: { 'tiny-Q8_0.gguf': TINY } } },
      fault: (stage) => {
        if (stage !== 'cdn' || held > 0) return undefined;
        held += 1;
        return { kind: 'hold', bodyBytes: 50_000, until: never.promise };
      },
    });
    const first = await startPuller(hub, { folder });
    await first.post('/models/pull', CALL);
    await until(async () => (await reportOf(first, 'm')).bytes_done === 50_000);
    await first.close();
    await using second = await startPuller(hub, { folder });

    await second.post('/models/pull', CALL);

    expect(await endOf(second, 'm')).toMatchObject({ status: 'done' });
    expect(hub.requestsOf('cdn').map(startOf)).toEqual([0, 50_000]);
    never.resolve();
  });

  test('completes although models_dir is removed under it', async () => {
    const release = Promise.withResolvers<void>();
    await using fixture = await PullFixture.start({
      fault: (stage) =>
        stage === 'cdn' ? { kind: 'hold', bodyBytes: 5000, until: release.promise } : undefined,
    });
    await fixture.pull(CALL);
    await until(async () => (await reportOf(fixture.neuron, 'm')).bytes_done === 5000);

    rmSync(fixture.neuron.modelsDir, { recursive: true });
    release.resolve();

    expect(await endOf(fixture.neuron, 'm')).toMatchObject({ status: 'done' });
    expect((await fixture.neuron.model('m')).on_disk).toBe(true);
  });
});

describe('a pull with a wrong checksum', () => {
  const changed = TINY.slice();
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;

  test('fails, and never becomes a model', async () => {
    await using fixture = await PullFixture.start({
      fault: (stage) =>
        stage === 'cdn' ? { kind: 'answer', answer: { status: 200, body: changed } } : undefined,
    });

    const report = await fixture.pulled(CALL);
    const load = await fixture.neuron.post('/models/load?wait=true', CALL);

    expect(report.status).toBe('failed');
    expect(report.error).toContain(sha256Of(changed));
    expect(report.error).toContain(sha256Of(TINY));
    expect(load.status).toBe(422);
    expect(await fixture.neuron.model('m')).toMatchObject({ status: 'failed', on_disk: false });
    expect(blobsOf(fixture.neuron.modelsDir)).toEqual([]);
  });

  test('after a resumption is downloaded from its start again', async () => {
    await using fixture = await PullFixture.start({
      prepare: (modelsDir) => {
        const blobs = join(modelsDir, 'models--org--tiny-GGUF/blobs');
        mkdirSync(blobs, { recursive: true });
        writeFileSync(join(blobs, `${sha256Of(TINY)}.neuron.incomplete`), 'not its first bytes');
      },
    });

    const report = await fixture.pulled(CALL);

    expect(report.status).toBe('done');
    expect(fixture.hub.requestsOf('cdn').map(startOf)).toEqual([19, 0]);
  });
});

test('a pull that does not fit on the disk does not begin, and says what is missing', async () => {
  await using fixture = await PullFixture.start({
    flags: { min_free_disk_mb: 100 },
    pulls: noPauses({ freeBytes: () => Promise.resolve(100 * 2 ** 20 + TINY.length - 1) }).pulls,
  });

  const report = await fixture.pulled(CALL);

  expect(report.status).toBe('failed');
  expect(report.error).toContain('min_free_disk_mb');
  expect(fixture.hub.requestsOf('cdn')).toEqual([]);
});

test('a download to a full disk fails at once with the folder that is full', async () => {
  const folder = temporaryFolder('full-disk');
  const partialPath = join(folder, 'partial');
  symlinkSync('/dev/full', partialPath);
  const { ms, pulls } = noPauses();

  const failure = await failureOf(
    download({
      file: {
        name: 'file',
        fileName: 'file',
        sizeBytes: TINY.length,
        version: '1',
        open: async () => ({
          start: 0,
          body: (async function* () {
            yield TINY;
          })(),
        }),
      },
      path: join(folder, 'whole'),
      partialPath,
      signal: new AbortController().signal,
      pause: pulls.pause ?? (() => Promise.resolve()),
      onBytes: () => undefined,
      onRetry: () => undefined,
    }),
  );

  expect(failure.message).toContain(`${folder} has no space left`);
  expect(ms).toEqual([]);
});
