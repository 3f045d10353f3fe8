import { describe, expect, onTestFinished, test } from 'bun:test';
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { range, setUp } from '../scheduler/scheduler-under-test.ts';
import { readState, saveState } from './saved-state.ts';

const FINGERPRINT = 'the same load';
const MIB = 1024 * 1024;

/** About 21 kB of cells that no other topic shares. */
const talk = (topic: number, length = 1300): number[] => range(length, topic * 10_000);

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'saved-state-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const bytesIn = (folder: string): number =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.state'))
    .reduce((total, name) => total + statSync(join(folder, name)).size, 0);

/** Topic and length of the states that the next load finds. */
async function found(folder: string): Promise<string[]> {
  const states = await readState(folder, FINGERPRINT);
  return states.map(({ tokens }) => `${Math.floor((tokens[0] ?? 0) / 10_000)}: ${tokens.length}`);
}

/** An engine that restores `folder`, answers `prompts`, and saves. */
async function save(
  folder: string,
  prompts: readonly number[][],
  options: { readonly maxBytes?: number; readonly onFile?: (path: string) => void } = {},
): Promise<void> {
  const { context, cache, slots, send } = setUp({ slots: 3, contextTokens: 4096 });
  cache.adopt((await readState(folder, FINGERPRINT)).toReversed());
  for (const prompt of prompts) await send({ prompt }).last;
  context.failFile = options.onFile;
  const maxMib = options.maxBytes === undefined ? undefined : options.maxBytes / MIB;
  const log = (): void => undefined;
  await saveState({ cache, slots, folder, fingerprint: FINGERPRINT, maxMib, log });
}

/** Saves, and returns the folder as it is after a kill during the write of each file. */
async function saveKilled(folder: string, prompts: readonly number[][], maxBytes?: number) {
  const left: string[] = [];
  const bytes: number[] = [];
  const onFile = (path: string): void => {
    bytes.push(bytesIn(folder));
    writeFileSync(path, 'half');
    const copy = newFolder();
    cpSync(folder, copy, { recursive: true });
    left.push(copy);
  };
  await save(folder, prompts, { onFile, ...(maxBytes !== undefined && { maxBytes }) });
  return { left, bytes };
}

describe('saveState', () => {
  test('keeps the states that an engine had written before it was killed', async () => {
    const folder = newFolder();
    await save(folder, [talk(1), talk(2)]);

    const { left } = await saveKilled(folder, [talk(1, 2000), talk(3)]);

    const [first = '', second = ''] = left;
    expect(left).toHaveLength(2);
    expect(await found(first)).toEqual(['2: 1303', '1: 1303']);
    expect(await found(second)).toEqual(['3: 1303', '2: 1303', '1: 1303']);
    expect(await found(folder)).toEqual(['3: 1303', '1: 2003', '2: 1303']);
  });

  test('leaves no files that are not in the index after the next start', async () => {
    const folder = newFolder();
    await save(folder, [talk(1)]);
    const { left } = await saveKilled(folder, [talk(2)]);
    const [killed = ''] = left;
    expect(readdirSync(killed)).toHaveLength(3);

    await readState(killed, FINGERPRINT);

    expect(readdirSync(killed)).toHaveLength(2);
  });

  test('keeps old and new states within the bound, and removes the least recently used first', async () => {
    const folder = newFolder();
    const maxBytes = 70_000;
    await save(folder, [talk(1), talk(2), talk(3)], { maxBytes });

    const { left, bytes } = await saveKilled(folder, [talk(4), talk(5)], maxBytes);

    const [first = '', second = ''] = left;
    expect(await found(first)).toEqual(['3: 1303', '2: 1303']);
    expect(await found(second)).toEqual(['5: 1303', '3: 1303']);
    expect(await found(folder)).toEqual(['5: 1303', '4: 1303', '3: 1303']);
    expect(Math.max(...bytes) + 1303 * 16).toBeLessThanOrEqual(maxBytes);
  });

  test('keeps the only state, and the previous turn, until the new file is written', async () => {
    const folder = newFolder();
    const maxBytes = 50_000;
    await save(folder, [talk(1)], { maxBytes: 25_000 });
    const other = await saveKilled(folder, [talk(2)], 25_000);
    expect(await found(other.left[0] ?? '')).toEqual(['1: 1303']);
    expect(await found(folder)).toEqual(['2: 1303']);
    await save(folder, [talk(3)], { maxBytes });

    const { left } = await saveKilled(folder, [talk(3, 1400)], maxBytes);

    expect(await found(left[0] ?? '')).toEqual(['3: 1303', '2: 1303']);
    expect(await found(folder)).toEqual(['3: 1403', '2: 1303']);
  });

  test('keeps the old states when nothing can be written', async () => {
    const folder = newFolder();
    await save(folder, [talk(1)]);

    await save(folder, [talk(1, 2000), talk(2)], {
      onFile: () => {
        throw new Error('full');
      },
    });

    expect(await found(folder)).toEqual(['1: 1303']);
  });

  test('does not write a state again that is already saved', async () => {
    const folder = newFolder();
    await save(folder, [talk(1), talk(2)]);
    const before = readdirSync(folder).toSorted();

    await save(folder, []);

    expect(readdirSync(folder).toSorted()).toEqual(before);
    expect(await found(folder)).toEqual(['2: 1303', '1: 1303']);
  });
});
