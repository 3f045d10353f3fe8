import { expect, test } from 'bun:test';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openCacheFolder, removeCacheFolder } from './cache-folder.ts';

const HUGE_MIB = 1e9;

async function within(act: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'cache-roots-'));
  try {
    await act(root);
  } finally {
    await rm(root, { recursive: true });
  }
}

test('openCacheFolder creates a private folder of the requested size, and removeCacheFolder removes it', () =>
  within(async (root) => {
    const logged: string[] = [];
    const folder = await openCacheFolder(1, (line) => logged.push(line), [root]);
    if (folder === undefined) throw new Error('no folder');

    expect((await stat(folder.path)).mode & 0o777).toBe(0o700);
    expect(folder.maxBytes).toBe(1024 * 1024);
    expect(logged).toEqual([]);
    await removeCacheFolder(folder);
    expect(await readdir(root)).toEqual([]);
  }));

test('a cache folder is limited to the free space, and the log reports it', () =>
  within(async (root) => {
    const logged: string[] = [];

    const folder = await openCacheFolder(HUGE_MIB, (line) => logged.push(line), [root]);

    expect(folder?.maxBytes).toBeLessThan(HUGE_MIB * 1024 * 1024);
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain('no more free space');
  }));

test('cache folders of processes that are gone are removed, and those of running processes are kept', () =>
  within(async (root) => {
    const log = (): void => undefined;
    const own = await openCacheFolder(1, log, [root]);
    const name = own?.path.slice(root.length + 1) ?? '';
    const [, space, pid, startedAt] = /^cortex-cells-(\d+)-(\d+)-(\d+)-/.exec(name) ?? [];
    expect(pid).toBe(String(process.pid));
    const killed = `cortex-cells-${space}-${2 ** 30}-1-abcdef`;
    const sameNumber = `cortex-cells-${space}-${pid}-${Number(startedAt) + 1}-abcdef`;
    const otherSpace = `cortex-cells-${Number(space) + 1}-${2 ** 30}-1-abcdef`;
    for (const folder of [killed, sameNumber, otherSpace, 'of-somebody-else']) {
      await mkdir(join(root, folder));
      await writeFile(join(root, folder, '0.state'), 'cells');
    }

    const second = await openCacheFolder(1, log, [root]);

    const secondName = second?.path.slice(root.length + 1) ?? '';
    expect((await readdir(root)).toSorted()).toEqual(
      [name, secondName, otherSpace, 'of-somebody-else'].toSorted(),
    );
  }));

test('the next location is used when the first is not writable, and there is no cache when none is', () =>
  within(async (root) => {
    const logged: string[] = [];
    const log = (line: string): void => void logged.push(line);

    const folder = await openCacheFolder(1, log, [join(root, 'missing'), root]);

    expect(folder?.path.startsWith(root)).toBe(true);
    expect(logged[0]).toContain('is used instead');
    expect(await openCacheFolder(1, log, [join(root, 'missing')])).toBeUndefined();
    expect(logged[1]).toContain('disabled');
  }));
