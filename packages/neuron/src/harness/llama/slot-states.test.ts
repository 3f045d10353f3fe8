import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { createLogger } from '@cortex/service';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { StateWriter } from '../../state-writer.ts';
import { SlotStates } from './slot-states.ts';

const MIB = 1 << 20;

function createStates(maxMib = 10) {
  const root = temporaryFolder('slot-states');
  const directory = join(root, 'slots');
  const log = createLogger({ name: 'test', level: 'fatal' });
  const states = new SlotStates({ directory, maxMib, writer: new StateWriter(log), log });
  /** What the unload of a model leaves, `ageS` seconds ago. */
  async function save(id: string, sizeMib: number, ageS = 0): Promise<void> {
    const modelPath = join(root, `${encodeURIComponent(id)}.gguf`);
    writeFileSync(modelPath, '');
    const { saveDir = '' } = states.saveOptions(id);
    writeFileSync(join(saveDir, 'slot-0'), Buffer.alloc(sizeMib * MIB));
    await states.saved(id, modelPath);
    const savedS = Date.now() / 1000 - ageS;
    if (existsSync(`${saveDir}.json`)) utimesSync(`${saveDir}.json`, savedS, savedS);
  }
  return { states, save, root, directory };
}

describe('slots on disk', () => {
  test('are given back to the model that left them', async () => {
    const { states, save } = createStates();
    await save('org/a', 1);

    expect(states.restoreDir('org/a')).toBe(states.saveOptions('org/a').saveDir ?? '');
    expect(states.restoreDir('org/b')).toBeUndefined();
  });

  test('of the oldest models go when the bound is reached', async () => {
    const { states, save } = createStates();
    await save('old', 4, 200);
    await save('newer', 4, 100);

    await save('newest', 4);

    expect(states.restoreDir('old')).toBeUndefined();
    expect(states.restoreDir('newer')).toBeDefined();
    expect(states.restoreDir('newest')).toBeDefined();
  });

  test('go with the file of their model', async () => {
    const { states, save, root, directory } = createStates();
    await save('a', 1);
    rmSync(join(root, 'a.gguf'));

    await states.sweep();

    expect(readdirSync(directory)).toEqual([]);
  });

  test('of an engine that saved nothing leave nothing', async () => {
    const { states, directory } = createStates();
    states.saveOptions('a');

    await states.saved('a', '/a.gguf');

    expect(readdirSync(directory)).toEqual([]);
  });

  test('that an engine did not finish before the daemon died are deleted at the next start', async () => {
    const { states, save, directory } = createStates();
    await save('a', 1);
    const { saveDir = '' } = states.saveOptions('b');
    writeFileSync(join(saveDir, 'slot-0'), 'half');

    await states.start();

    expect(existsSync(saveDir)).toBe(false);
    expect(states.restoreDir('a')).toBeDefined();
    expect(readdirSync(directory)).toHaveLength(2);
  });

  test('whose owner cannot be read are deleted', async () => {
    const { states, save, directory } = createStates();
    await save('a', 1);
    const record = readdirSync(directory).find((name) => name.endsWith('.json')) ?? '';
    writeFileSync(join(directory, record), '{"model');

    await states.sweep();

    expect(readdirSync(directory)).toEqual([]);
  });

  test('are neither kept nor given back when the operator wants none', async () => {
    const { states, directory } = createStates(0);

    expect(states.saveOptions('a')).toEqual({});
    expect(states.restoreDir('a')).toBeUndefined();
    expect(existsSync(directory)).toBe(false);
  });
});
