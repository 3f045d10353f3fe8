import { describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { ended, fixture, isRunning, readReadyFile, temporaryPaths } from './running.ts';

const temporaryPath = temporaryPaths();

const LAUNCHER = fixture('launch-daemon.mjs');
const node = Bun.which('node') ?? 'node';

/** A daemon run by Node through the launcher, from another folder than ours. */
async function launch(...args: string[]) {
  const readyFile = temporaryPath();
  const launcher = Bun.spawn([node, LAUNCHER, readyFile, ...args], {
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: undefined },
  });
  return { launcher, ready: await readReadyFile(readyFile) };
}

test('the launcher runs the entry from any folder, with its arguments and the limit raised', async () => {
  const { launcher, ready } = await launch('quick');

  expect(ready.parent).toBe(launcher.pid);
  launcher.kill('SIGTERM');

  expect(await launcher.exited).toBe(0);
  expect(await new Response(launcher.stdout).text()).toBe(
    `listening with 4 arguments in ${realpathSync(tmpdir())}\n`,
  );
  expect(isRunning(ready.pid)).toBe(false);
});

describe('the launcher passes on', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('%s, and waits for the child', async (signal) => {
    const { launcher, ready } = await launch();

    launcher.kill(signal);

    expect(await launcher.exited).toBe(0);
    expect(isRunning(ready.pid)).toBe(false);
  });

  test('the exit code', async () => {
    const { launcher } = await launch('quick', 'exit');

    expect(await launcher.exited).toBe(7);
  });

  test('the signal that ended the child, as 128 + n', async () => {
    const { launcher } = await launch('quick', 'signal');

    expect(await launcher.exited).toBe(137);
  });
});

test('kill -9 of the launcher ends the child', async () => {
  const { launcher, ready } = await launch();

  launcher.kill('SIGKILL');

  expect(await ended(ready.pid)).toBeLessThan(2000);
});

test('kill -9 of the parent of the launcher ends launcher and child', async () => {
  const readyFile = temporaryPath();
  const script = `
    import { spawn } from 'node:child_process';
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe'];
    spawn(${JSON.stringify(node)}, ${JSON.stringify([LAUNCHER, readyFile])}, { stdio, env: { ...process.env, CORTEX_PARENT_FD: '3' } });`;
  const parent = Bun.spawn([node, '--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const ready = await readReadyFile(readyFile);

  parent.kill('SIGKILL');

  expect(await ended(ready.pid)).toBeLessThan(2000);
  expect(await ended(ready.parent)).toBeLessThan(1000);
});

test('under Bun with the limit raised the entry runs in the same process', async () => {
  const readyFile = temporaryPath();
  const child = Bun.spawn([process.execPath, LAUNCHER, readyFile, 'quick', 'exit'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: '65336' },
  });

  const ready = await readReadyFile(readyFile);

  expect(ready.pid).toBe(child.pid);
  expect(await child.exited).toBe(7);
});

/** A copy of the launcher in a folder with its own node_modules. */
function install(make: (modules: string) => void): string {
  const folder = temporaryPath();
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  cpSync(join(import.meta.dir, '../launch.mjs'), join(folder, 'launch.mjs'));
  make(join(folder, 'node_modules'));
  return folder;
}

function findBun(folder: string, path: string): { code: number; output: string } {
  const script = `import { findBun } from ${JSON.stringify(join(folder, 'launch.mjs'))}; try { console.log(findBun()); } catch (error) { console.log(error.message); process.exit(3); }`;
  const { exitCode, stdout } = Bun.spawnSync([node, '--input-type=module', '-e', script], {
    env: { PATH: path },
  });
  return { code: exitCode, output: stdout.toString().trim() };
}

const addPackage = (
  modules: string,
  name: string,
  binary: string,
  target: 'real' | 'placeholder',
): void => {
  const file = join(modules, name, 'bin', binary);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(join(modules, name, 'package.json'), JSON.stringify({ name, version: '1.4.5' }));
  if (target === 'real') symlinkSync(process.execPath, file);
  else
    writeFileSync(file, 'echo "Error: postinstall script was not run." >&2\nexit 1\n', {
      mode: 0o755,
    });
};
const platformPackage = `@oven/bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`;

test('what lies in the folder of the user is not run', async () => {
  const folder = temporaryPath();
  mkdirSync(folder);
  writeFileSync(join(folder, '.env'), 'BUN_CONFIG_MAX_HTTP_REQUESTS=1\n');
  writeFileSync(join(folder, 'bunfig.toml'), 'preload = ["./preload.ts"]\n');
  writeFileSync(join(folder, 'preload.ts'), 'process.exit(9);\n');

  const launcher = Bun.spawn([node, LAUNCHER, temporaryPath(), 'quick', 'exit'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'ignore'],
  });

  expect(await launcher.exited).toBe(7);
});

test('under Bun without the limit the launcher still ends with its parent', async () => {
  const readyFile = temporaryPath();
  const parent = Bun.spawn([process.execPath, fixture('parent.ts'), readyFile], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: undefined, DAEMON: LAUNCHER },
  });
  const ready = await readReadyFile(readyFile);

  parent.kill('SIGKILL');

  expect(ready.parent).not.toBe(parent.pid);
  expect(await ended(ready.pid)).toBeLessThan(2000);
  expect(await ended(ready.parent)).toBeLessThan(1000);
});

describe('Bun is found', () => {
  test("where npm's install script put it", () => {
    const folder = install((modules) => addPackage(modules, 'bun', 'bun.exe', 'real'));

    expect(findBun(folder, '').output).toBe(
      join(realpathSync(folder), 'node_modules/bun/bin/bun.exe'),
    );
  });

  test("in the platform's package where install scripts did not run", () => {
    const folder = install((modules) => {
      addPackage(modules, 'bun', 'bun.exe', 'placeholder');
      addPackage(modules, platformPackage, 'bun', 'real');
    });

    expect(findBun(folder, '').output).toBe(
      join(realpathSync(folder), 'node_modules', platformPackage, 'bin/bun'),
    );
  });

  test('on the PATH else', () => {
    const folder = install((modules) => symlinkSync(process.execPath, join(modules, '../bun')));

    expect(findBun(folder, folder)).toEqual({ code: 0, output: 'bun' });
  });

  test('not when it is too old', () => {
    const folder = install((modules) =>
      writeFileSync(join(modules, '../bun'), '#!/bin/sh\necho 1.4.4\n', { mode: 0o755 }),
    );

    const { code, output } = findBun(folder, folder);

    expect(code).toBe(3);
    expect(output).toContain('Bun 1.4.5 or newer was not found');
  });
});
