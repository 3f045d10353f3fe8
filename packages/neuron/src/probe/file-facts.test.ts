import { readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { beforeEach, describe, expect, test } from 'bun:test';

import { StateWriter } from '../state-writer.ts';
import { FileFactsStore } from './file-facts.ts';

const log = createLogger({ name: 'test', level: 'fatal' });

const ESTIMATE = {
  vramMib: 0,
  ramMib: 10,
  kvMibPer1kTokens: 1,
  contextTokens: 4096,
  slots: 4,
  gpuLayers: 0,
  layers: 6,
  fits: true,
  contextMax: 4096,
  slotsMax: 8,
};

describe('FileFactsStore', () => {
  let folder: string;
  let path: string;
  let fingerprint: string;
  beforeEach(() => {
    folder = temporaryFolder('file-facts');
    path = join(folder, 'model.gguf');
    fingerprint = `${path}:5:0`;
    writeFileSync(path, 'GGUF1');
  });

  const store = (version = '1'): FileFactsStore =>
    new FileFactsStore(join(folder, 'facts'), { version, writer: new StateWriter(log) });
  const learned = async (): Promise<void> => {
    const facts = store();
    const file = await facts.current({ path, fingerprint });
    facts.learn(file, { template: 'ends', estimates: { auto: ESTIMATE } });
    facts.learn(file, { capabilities: ['text'], contextTokens: 4096 });
  };

  test('keeps all facts about a file for the next daemon', async () => {
    await learned();

    expect(store().known(fingerprint)).toMatchObject({
      template: 'ends',
      capabilities: ['text'],
      contextTokens: 4096,
      estimates: { auto: ESTIMATE },
    });
  });

  test('has no facts about a file with a changed header, although size and time are the same', async () => {
    await learned();
    writeFileSync(path, 'GGUF2');
    utimesSync(path, 0, 0);

    expect(await store().current({ path, fingerprint })).toMatchObject({ estimates: {} });
    expect((await store().current({ path, fingerprint })).template).toBeUndefined();
  });

  test('deletes the facts about a file that no longer exists', async () => {
    await learned();
    rmSync(path);

    expect(store().known(fingerprint)).toBeUndefined();
    expect(readdirSync(join(folder, 'facts'))).toEqual([]);
  });

  test('names a file that it cannot read', async () => {
    rmSync(path);

    const failure = await store()
      .current({ path, fingerprint })
      .catch((error: unknown) => error);

    expect(failure).toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining(path),
    });
  });

  test('has no facts after an update of neuron, or after a crash during a write', async () => {
    await learned();
    expect(store('2').known(fingerprint)).toBeUndefined();
    await learned();
    const [name = ''] = readdirSync(join(folder, 'facts'));
    writeFileSync(join(folder, 'facts', name), '{"version":"1","pa');

    expect(store().known(fingerprint)).toBeUndefined();
  });
});
