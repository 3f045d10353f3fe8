import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

import { Discovery } from '@cortex/protocol';
import { sha256Of } from '@cortex/testkit/hub/hub-server';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { endOf, PullFixture, REPO, reportOf, TINY } from './pull-fixture.ts';
import { until } from './test-neuron.ts';

const SOURCE = `hf:${REPO}`;
const COMMIT = 'c0ffee0000000000000000000000000000000000';

describe('a pull from the hub', () => {
  test('ends with the file in the layout of the Python tools, and in index.json', async () => {
    await using fixture = await PullFixture.start();

    const report = await fixture.pulled({ model_id: 'mine', source: SOURCE });

    expect(report).toMatchObject({
      status: 'done',
      quant: 'Q8_0',
      bytes_done: TINY.length,
      bytes_total: TINY.length,
      progress: 1,
    });
    const { modelsDir } = fixture.neuron;
    const repository = join(modelsDir, 'models--org--tiny-GGUF');
    const snapshot = join(repository, 'snapshots', COMMIT, 'tiny-Q8_0.gguf');
    expect(readFileSync(join(repository, 'refs', 'main'), 'utf8')).toBe(COMMIT);
    expect(readlinkSync(snapshot)).toBe(`../../blobs/${sha256Of(TINY)}`);
    expect(readdirSync(join(repository, 'blobs'))).toEqual([sha256Of(TINY)]);
    const file = `models--org--tiny-GGUF/snapshots/${COMMIT}/tiny-Q8_0.gguf`;
    expect(JSON.parse(readFileSync(join(modelsDir, 'index.json'), 'utf8'))).toEqual({
      mine: {
        source: SOURCE,
        quant: 'Q8_0',
        files: [file],
        sha256: { [file]: sha256Of(TINY) },
      },
    });
  });

  test('lists the model under the id that was asked for, and a load needs no network', async () => {
    await using fixture = await PullFixture.start();
    await fixture.pulled({ model_id: 'mine', source: SOURCE });
    const requests = fixture.hub.requestsOf('info').length;

    const load = await fixture.neuron.post('/models/load?wait=true', {
      model_id: 'mine',
      source: SOURCE,
    });

    expect(load.status).toBe(200);
    expect(await fixture.neuron.model('mine')).toMatchObject({ status: 'loaded', quant: 'Q8_0' });
    expect(fixture.hub.requestsOf('info').length).toBe(requests);
  });

  test('takes the repository with the name of the model if the call names no source', async () => {
    await using fixture = await PullFixture.start();

    const report = await fixture.pulled({ model_id: REPO });

    expect(report).toMatchObject({ status: 'done', source: SOURCE });
    expect((await fixture.neuron.model(REPO)).on_disk).toBe(true);
  });

  test('of the same file for another model downloads nothing', async () => {
    await using fixture = await PullFixture.start();
    await fixture.pulled({ model_id: 'a', source: SOURCE });

    const report = await fixture.pulled({ model_id: 'b', source: SOURCE });

    expect(report).toMatchObject({ status: 'done', bytes_done: TINY.length });
    expect(fixture.hub.requestsOf('cdn')).toHaveLength(1);
    expect((await fixture.neuron.model('b')).on_disk).toBe(true);
    expect((await fixture.neuron.model('a')).on_disk).toBe(true);
  });

  test('brings all parts of a split model, and the projector beside it', async () => {
    const part = (text: string) => new TextEncoder().encode(text);
    await using fixture = await PullFixture.start({
      pageSize: 2,
      repositories: {
        [REPO]: {
          files: {
            'README.md': part('read me'),
            'Q4_K_M/m-00001-of-00002.gguf': part('part one'),
            'Q4_K_M/m-00002-of-00002.gguf': part('part two'),
            'Q8_0/m-00001-of-00001.gguf': part('other'),
            'mmproj-F16.gguf': part('projector'),
          },
        },
      },
    });

    const report = await fixture.pulled({ model_id: 'm', source: SOURCE, quant: 'q4_k_m' });

    expect(report.status).toBe('done');
    expect(report.files.map(({ name }) => name.replace(`${SOURCE}:`, ''))).toEqual([
      'Q4_K_M/m-00001-of-00002.gguf',
      'Q4_K_M/m-00002-of-00002.gguf',
      'mmproj-F16.gguf',
    ]);
    const snapshot = join(fixture.neuron.modelsDir, 'models--org--tiny-GGUF/snapshots', COMMIT);
    expect(readFileSync(join(snapshot, 'Q4_K_M/m-00002-of-00002.gguf'), 'utf8')).toBe('part two');
    expect(readFileSync(join(snapshot, 'mmproj-F16.gguf'), 'utf8')).toBe('projector');
  });

  const DRAFTED = {
    [REPO]: {
      files: {
        'm-Q4_0.gguf': TINY,
        'm-draft-Q8_0.gguf': TINY.slice(1),
        'm-draft-Q4_0.gguf': TINY.slice(2),
        'mtp-m.gguf': TINY.slice(3),
      },
    },
  };

  test('brings one draft model beside the model, and no layers that only other engines use', async () => {
    await using fixture = await PullFixture.start({ repositories: DRAFTED });

    const report = await fixture.pulled({ model_id: 'm', source: SOURCE });
    const removal = await fetch(`${fixture.neuron.url}/models/m/files`, { method: 'DELETE' });

    expect(report.status).toBe('done');
    const names = report.files.map(({ name }) => name.replace(`${SOURCE}:`, ''));
    expect(names).toEqual(['m-Q4_0.gguf', 'm-draft-Q8_0.gguf']);
    expect((await removal.json()).files).toHaveLength(2);
  });

  test.each(['off', 'lookup', 'another'])('leaves the draft out if draft is %s', async (draft) => {
    await using fixture = await PullFixture.start({ repositories: DRAFTED });

    const report = await fixture.pulled({ model_id: 'm', source: SOURCE, draft });

    expect(report.files).toHaveLength(1);
  });

  test('leaves the projector out if mmproj is off', async () => {
    await using fixture = await PullFixture.start({
      repositories: { [REPO]: { files: { 'm.gguf': TINY, 'mmproj-F16.gguf': TINY.slice(1) } } },
    });

    const report = await fixture.pulled({ model_id: 'm', source: SOURCE, mmproj: 'off' });

    expect(report.files).toHaveLength(1);
  });

  test('writes to the cache that HF_HUB_CACHE names, and finds there what other tools downloaded', async () => {
    const cache = join(temporaryFolder('hf-cache'), 'hub');
    await using first = await PullFixture.start({ env: { HF_HUB_CACHE: cache } });
    await first.pulled({ model_id: 'mine', source: SOURCE });
    expect(existsSync(join(cache, 'models--org--tiny-GGUF/refs/main'))).toBe(true);
    expect((await first.neuron.model('mine')).on_disk).toBe(true);
    // Another daemon has never pulled it, and may not ask.
    await using second = await PullFixture.start({
      env: { HF_HUB_CACHE: cache, HF_HUB_OFFLINE: '1' },
    });

    const load = await second.neuron.post('/models/load?wait=true', {
      model_id: 'other',
      source: SOURCE,
    });

    expect(load.status).toBe(200);
    expect((await second.neuron.model(REPO)).on_disk).toBe(true);
    expect(second.hub.requestsOf('info')).toHaveLength(0);
    await until(async () => {
      const { storage } = Discovery.parse(await (await second.neuron.get('/discovery')).json());
      return storage.some(({ path, free_mb: freeMib }) => path === cache && freeMib > 0);
    });
  });

  test('is shown as pulling with its progress, also in the list of models', async () => {
    const release = Promise.withResolvers<void>();
    await using fixture = await PullFixture.start({
      fault: (stage) =>
        stage === 'cdn'
          ? { kind: 'hold', bodyBytes: TINY.length >> 1, until: release.promise }
          : undefined,
    });
    await fixture.pull({ model_id: 'mine', source: SOURCE });

    await until(async () => (await reportOf(fixture.neuron, 'mine')).bytes_done > 0);
    await until(async () => ((await fixture.neuron.model('mine')).progress ?? 0) > 0.4);
    const entry = await fixture.neuron.model('mine');
    release.resolve();

    expect(entry).toMatchObject({
      status: 'pulling',
      on_disk: false,
      pull: { bytes_total: TINY.length },
    });
    expect(await endOf(fixture.neuron, 'mine')).toMatchObject({ status: 'done' });
    expect(await fixture.neuron.model('mine')).toMatchObject({ status: 'unloaded', on_disk: true });
  });

  test('is shared by two pulls and a load of the same file: one download', async () => {
    const release = Promise.withResolvers<void>();
    await using fixture = await PullFixture.start({
      fault: (stage) =>
        stage === 'cdn' ? { kind: 'hold', bodyBytes: 1000, until: release.promise } : undefined,
    });
    await fixture.pull({ model_id: 'a', source: SOURCE });
    await fixture.pull({ model_id: 'a', source: SOURCE });
    await fixture.pull({ model_id: 'b', source: SOURCE });
    const load = fixture.neuron.post('/models/load?wait=true', { model_id: 'c', source: SOURCE });
    for (const id of ['a', 'b', 'c']) {
      await until(async () => (await fixture.neuron.model(id)).progress !== undefined);
    }

    release.resolve();

    expect((await load).status).toBe(200);
    expect(await endOf(fixture.neuron, 'a')).toMatchObject({ status: 'done' });
    expect(await endOf(fixture.neuron, 'b')).toMatchObject({ status: 'done' });
    expect(fixture.hub.requestsOf('cdn')).toHaveLength(1);
  });

  test('goes on when the caller of the load that began it leaves', async () => {
    const release = Promise.withResolvers<void>();
    await using fixture = await PullFixture.start({
      fault: (stage) =>
        stage === 'cdn' ? { kind: 'hold', bodyBytes: 1000, until: release.promise } : undefined,
    });
    const leaving = new AbortController();
    const load = fixture.neuron
      .post('/models/load?wait=true', { model_id: 'm', source: SOURCE }, { signal: leaving.signal })
      .catch(() => undefined);
    await until(() => fixture.hub.requestsOf('cdn').length === 1);

    leaving.abort();
    await load;
    release.resolve();

    expect(await endOf(fixture.neuron, 'm')).toMatchObject({ status: 'done' });
  });

  test('begins with a load that is not awaited, which is answered at once', async () => {
    const release = Promise.withResolvers<void>();
    await using fixture = await PullFixture.start({
      fault: (stage) =>
        stage === 'cdn' ? { kind: 'hold', bodyBytes: 1000, until: release.promise } : undefined,
    });

    const load = await fixture.neuron.post('/models/load', { model_id: 'm', source: SOURCE });
    const entry = await fixture.neuron.model('m');
    release.resolve();

    expect(load.status).toBe(202);
    expect(entry.status).toBe('pulling');
    await until(async () => (await fixture.neuron.model('m')).status === 'loaded');
  });
});

test('a pull of other files for a model that is being pulled is a conflict', async () => {
  const release = Promise.withResolvers<void>();
  await using fixture = await PullFixture.start({
    fault: (stage) =>
      stage === 'cdn' ? { kind: 'hold', bodyBytes: 10, until: release.promise } : undefined,
  });
  await fixture.pull({ model_id: 'm', source: SOURCE });

  const other = await fixture.neuron.post('/models/pull', {
    model_id: 'm',
    source: 'hf:org/other',
  });
  release.resolve();

  expect(other.status).toBe(409);
});

test('a cancelled pull leaves neither a model nor an incomplete file', async () => {
  const never = Promise.withResolvers<void>();
  await using fixture = await PullFixture.start({
    fault: (stage) =>
      stage === 'cdn' ? { kind: 'hold', bodyBytes: 1000, until: never.promise } : undefined,
  });
  await fixture.pull({ model_id: 'm', source: SOURCE });
  await until(async () => (await reportOf(fixture.neuron, 'm')).bytes_done > 0);

  const cancelled = await fetch(`${fixture.neuron.url}/models/pull/m`, { method: 'DELETE' });
  never.resolve();

  expect(await cancelled.json()).toMatchObject({ model_id: 'm', status: 'cancelled' });
  const blobs = join(fixture.neuron.modelsDir, 'models--org--tiny-GGUF/blobs');
  expect(readdirSync(blobs)).toEqual([]);
  expect((await fixture.neuron.get('/models/pull/m')).status).toBe(404);
});
