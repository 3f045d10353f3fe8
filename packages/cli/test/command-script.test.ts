import { afterEach, expect, test } from 'bun:test';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

/** The two packages in one folder whose path has a space, with an entry that prints its arguments. */
function layOut(): { readonly packages: string; readonly modules: string } {
  const folder = mkdtempSync(join(tmpdir(), 'cortex-command-'));
  folders.push(folder);
  const root = join(folder, 'a folder');
  const packages = join(root, 'packages');
  const modules = join(root, 'node_modules');
  for (const folder of ['cli/bin', 'cli/src', 'service'])
    mkdirSync(join(packages, folder), { recursive: true });
  mkdirSync(join(modules, '.bin'), { recursive: true });
  mkdirSync(join(modules, 'bun/bin'), { recursive: true });
  cpSync(join(import.meta.dir, '../bin/cortex'), join(packages, 'cli/bin/cortex'));
  cpSync(join(import.meta.dir, '../../service/launch.sh'), join(packages, 'service/launch.sh'));
  writeFileSync(
    join(packages, 'cli/src/main.ts'),
    'console.log(JSON.stringify(process.argv.slice(2)), process.env.BUN_CONFIG_MAX_HTTP_REQUESTS);',
  );
  symlinkSync(process.execPath, join(modules, 'bun/bin/bun.exe'));
  return { packages, modules };
}

function run(command: string, path = process.env['PATH'] ?? ''): string {
  const { stdout, stderr } = Bun.spawnSync([command, 'a b', '', '$HOME', '*'], {
    cwd: '/',
    env: { PATH: path },
  });
  return `${stdout.toString()}${stderr.toString()}`;
}

const EXPECTED = '["a b","","$HOME","*"] 65336\n';

test('cortex runs by its own path and receives every argument unchanged', () => {
  const { packages } = layOut();

  expect(run(join(packages, 'cli/bin/cortex'))).toBe(EXPECTED);
});

test('cortex runs through the links in node_modules, as npx calls it', () => {
  const { packages, modules } = layOut();
  mkdirSync(join(modules, '@cortex'));
  symlinkSync('../../packages/cli', join(modules, '@cortex/cli'));
  symlinkSync('../@cortex/cli/bin/cortex', join(modules, '.bin/cortex'));
  symlinkSync(join(modules, '.bin/cortex'), join(packages, 'absolute link'));

  expect(run(join(modules, '.bin/cortex'))).toBe(EXPECTED);
  expect(run(join(packages, 'absolute link'))).toBe(EXPECTED);
});

test('cortex runs by its name if the links are on the PATH', () => {
  const { packages, modules } = layOut();
  symlinkSync(join(packages, 'cli/bin/cortex'), join(modules, '.bin/cortex'));
  const path = `${join(modules, '.bin')}:${process.env['PATH'] ?? ''}`;

  const { stdout } = Bun.spawnSync(['/bin/sh', '-c', 'cortex "a b" "" "\\$HOME" "*"'], {
    cwd: '/',
    env: { PATH: path },
  });

  expect(stdout.toString()).toBe(EXPECTED);
});

test('cortex runs with the settings of the heap and the allocator that it was measured with, unless the user has others', () => {
  const { packages } = layOut();
  writeFileSync(
    join(packages, 'cli/src/main.ts'),
    'console.log(process.env.BUN_JSC_forceRAMSize, process.env.MIMALLOC_PURGE_DELAY);',
  );
  const settingsWith = (env: Record<string, string>): string =>
    Bun.spawnSync([join(packages, 'cli/bin/cortex')], { env }).stdout.toString();

  expect(settingsWith({})).toBe('4294967296 1000\n');
  expect(settingsWith({ MIMALLOC_PURGE_DELAY: '7' })).toBe('4294967296 7\n');
});

test('cortex runs without a PATH', () => {
  const { packages } = layOut();

  expect(run(join(packages, 'cli/bin/cortex'), '')).toBe(EXPECTED);
});
