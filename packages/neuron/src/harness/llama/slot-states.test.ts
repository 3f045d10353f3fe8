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
  test('are restored for the model that saved them', async () => {
    const { states, save } = createStates();
    await save('org/a', 1);

    expect(states.restoreDir('org/a')).toBe(states.saveOptions('org/a').saveDir ?? '');
    expect(states.restoreDir('org/b')).toBeUndefined();
  });

  test('are deleted for the oldest models when the limit is reached', async () => {
    const { states, save } = createStates();
    await save('old', 4, 200);
    await save('newer', 4, 100);

    await save('newest', 4);

    expect(states.restoreDir('old')).toBeUndefined();
    expect(states.restoreDir('newer')).toBeDefined();
    expect(states.restoreDir('newest')).toBeDefined();
  });

  test('are deleted with the file of their model', async () => {
    const { states, save, root, directory } = createStates();
    await save('a', 1);
    rmSync(join(root, 'a.gguf'));

    await states.sweep();

    expect(readdirSync(directory)).toEqual([]);
  });

  test('are deleted a week after the unload', async () => {
    const { states, save } = createStates();
    await save('a week ago', 1, 7 * 86_400 + 60);
    await save('from a clock that was wrong', 1, -8 * 86_400);
    await save('six days ago', 1, 6 * 86_400);

    await states.sweep();

    expect(states.restoreDir('a week ago')).toBeUndefined();
    expect(states.restoreDir('from a clock that was wrong')).toBeUndefined();
    expect(states.restoreDir('six days ago')).toBeDefined();
  });

  test('leave no file when the engine saved nothing', async () => {
    const { states, directory } = createStates();
    states.saveOptions('a');

    await states.saved('a', '/a.gguf');

    expect(readdirSync(directory)).toEqual([]);
  });

  test('are deleted at the next start if the engine did not finish saving them', async () => {
    const { states, save, directory } = createStates();
    await save('a', 1);
    const { saveDir = '' } = states.saveOptions('b');
    writeFileSync(join(saveDir, 'slot-0'), 'half');

    await states.start();

    expect(existsSync(saveDir)).toBe(false);
    expect(states.restoreDir('a')).toBeDefined();
    expect(readdirSync(directory)).toHaveLength(2);
  });

  test('are deleted if their owner cannot be read', async () => {
    const { states, save, directory } = createStates();
    await save('a', 1);
    const record = readdirSync(directory).find((name) => name.endsWith('.json')) ?? '';
    writeFileSync(join(directory, record), '{"model');

    await states.sweep();

    expect(readdirSync(directory)).toEqual([]);
  });

  test('are neither saved nor restored with state_disk_mb = 0', async () => {
    const { states, directory } = createStates(0);

    expect(states.saveOptions('a')).toEqual({});
    expect(states.restoreDir('a')).toBeUndefined();
    expect(existsSync(directory)).toBe(false);
  });
});
