import { describe, expect, test } from 'bun:test';
import { cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { ended, fixture, isRunning, readReadyFile, temporaryPaths } from './running.ts';

const temporaryPath = temporaryPaths();

const NODE_LAUNCHER = fixture('launch-daemon.mjs');
const SHELL_LAUNCHER = join(import.meta.dir, '../launch.sh');
const node = Bun.which('node') ?? 'node';
/** How a daemon is started: by its shell script or by Node. */
const LAUNCHERS = {
  sh: ['/bin/sh', SHELL_LAUNCHER, fixture('daemon.ts')],
  Node: [node, NODE_LAUNCHER],
} as const;
type LauncherName = keyof typeof LAUNCHERS;
const NAMES: readonly LauncherName[] = ['sh', 'Node'];

/** A daemon run through a launcher from another folder. */
async function launch(name: LauncherName, ...args: string[]) {
  const readyFile = temporaryPath();
  const launcher = Bun.spawn([...LAUNCHERS[name], readyFile, ...args], {
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: undefined },
  });
  return { launcher, ready: await readReadyFile(readyFile) };
}

describe.each(NAMES)('the launcher of %s', (name) => {
  test('runs the entry from any folder, with its arguments and a raised fetch limit', async () => {
    const { launcher, ready } = await launch(name, 'quick');

    launcher.kill('SIGTERM');

    expect(await launcher.exited).toBe(0);
    expect(await new Response(launcher.stdout).text()).toBe(
      `listening with 4 arguments in ${realpathSync(tmpdir())}\n`,
    );
    expect(isRunning(ready.pid)).toBe(false);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('forwards %s and waits', async (signal) => {
    const { launcher, ready } = await launch(name);

    launcher.kill(signal);

    expect(await launcher.exited).toBe(0);
    expect(isRunning(ready.pid)).toBe(false);
  });

  test('forwards SIGHUP, which a daemon without a terminal takes as the request to read its files', async () => {
    const { launcher, ready } = await launch(name);
    const decoder = new TextDecoder();
    let text = '';

    launcher.kill('SIGHUP');
    for await (const part of launcher.stdout) {
      text += decoder.decode(part, { stream: true });
      if (text.includes('reloaded')) break;
    }

    expect(text).toContain('reloaded');
    expect(isRunning(ready.pid)).toBe(true);
    launcher.kill('SIGTERM');
    expect(await launcher.exited).toBe(0);
  });

  test('returns the exit code', async () => {
    const { launcher } = await launch(name, 'quick', 'exit');

    expect(await launcher.exited).toBe(7);
  });

  test('returns 128 + n if signal n ended the program', async () => {
    const { launcher } = await launch(name, 'quick', 'signal');

    expect(await launcher.exited).toBe(137);
  });

  test('leaves no process behind when it is killed', async () => {
    const { launcher, ready } = await launch(name);

    launcher.kill('SIGKILL');

    expect(await ended(ready.pid)).toBeLessThan(2000);
  });
});

test('the shell launcher is replaced by the program and leaves no process of its own', async () => {
  const { launcher, ready } = await launch('sh');

  launcher.kill('SIGTERM');

  expect(ready.pid).toBe(launcher.pid);
  expect(await launcher.exited).toBe(0);
});

describe('as the first process of a container the launcher', () => {
  const UNSHARE = ['unshare', '--pid', '--fork', '--mount-proc'];
  const hasNamespaces = Bun.spawnSync([...UNSHARE, 'true']).exitCode === 0;

  test.skipIf(!hasNamespaces)('reaps orphaned processes (needs PID namespaces)', async () => {
    const command = [...UNSHARE, '/bin/sh', SHELL_LAUNCHER, fixture('orphan.ts')];
    const container = Bun.spawn(command, { stdio: ['ignore', 'pipe', 'ignore'] });

    expect(await new Response(container.stdout).text()).toBe('reaped\n');
    expect(await container.exited).toBe(0);
  });

  test.skipIf(!hasNamespaces)(
    'forwards SIGTERM and returns the exit code (needs PID namespaces)',
    async () => {
      const readyFile = temporaryPath();
      const container = Bun.spawn([...UNSHARE, ...LAUNCHERS.sh, readyFile], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      await readReadyFile(readyFile);
      const children = `/proc/${container.pid}/task/${container.pid}/children`;
      const first = Number(readFileSync(children, 'utf8').trim());

      process.kill(first, 'SIGTERM');

      expect(await container.exited).toBe(0);
      expect(await new Response(container.stderr).text()).toContain('"msg":"ended"');
    },
  );
});

test('kill -9 of the parent of the Node launcher ends launcher and child', async () => {
  const readyFile = temporaryPath();
  const script = `
    import { spawn } from 'node:child_process';
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe'];
    spawn(${JSON.stringify(node)}, ${JSON.stringify([NODE_LAUNCHER, readyFile])}, { stdio, env: { ...process.env, CORTEX_PARENT_FD: '3' } });`;
  const parent = Bun.spawn([node, '--input-type=module', '-e', script], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  const ready = await readReadyFile(readyFile);

  parent.kill('SIGKILL');

  expect(await ended(ready.pid)).toBeLessThan(2000);
  expect(await ended(ready.parent)).toBeLessThan(1000);
});

test('under Bun with a raised fetch limit the launcher runs the entry in the same process', async () => {
  const readyFile = temporaryPath();
  const child = Bun.spawn([process.execPath, NODE_LAUNCHER, readyFile, 'quick', 'exit'], {
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
  cpSync(SHELL_LAUNCHER, join(folder, 'launch.sh'));
  make(join(folder, 'node_modules'));
  return folder;
}

function findBun(folder: string, path: string): { code: number; output: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync(
    ['/bin/sh', join(folder, 'launch.sh'), '--find-bun'],
    { env: { PATH: path } },
  );
  return { code: exitCode, output: `${stdout.toString()}${stderr.toString()}`.trim() };
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

test('the launcher does not run files from the current folder', async () => {
  const folder = temporaryPath();
  mkdirSync(folder);
  writeFileSync(join(folder, '.env'), 'BUN_CONFIG_MAX_HTTP_REQUESTS=1\n');
  writeFileSync(join(folder, 'bunfig.toml'), 'preload = ["./preload.ts"]\n');
  writeFileSync(join(folder, 'preload.ts'), 'process.exit(9);\n');

  const launcher = Bun.spawn([...LAUNCHERS.sh, temporaryPath(), 'quick', 'exit'], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'ignore'],
  });

  expect(await launcher.exited).toBe(7);
});

test('under Bun without a raised fetch limit the launcher is replaced, and the program ends with its parent', async () => {
  const readyFile = temporaryPath();
  const parent = Bun.spawn([process.execPath, fixture('parent.ts'), readyFile], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: undefined, DAEMON: NODE_LAUNCHER },
  });
  const ready = await readReadyFile(readyFile);

  parent.kill('SIGKILL');

  expect(ready.parent).toBe(parent.pid);
  expect(await ended(ready.pid)).toBeLessThan(2000);
});

describe('the launcher finds Bun', () => {
  test('where the install script of npm puts it', () => {
    const folder = install((modules) => addPackage(modules, 'bun', 'bun.exe', 'real'));

    expect(findBun(folder, '').output).toBe(
      join(realpathSync(folder), 'node_modules/bun/bin/bun.exe'),
    );
  });

  test('in the package of the platform if install scripts did not run', () => {
    const folder = install((modules) => {
      addPackage(modules, 'bun', 'bun.exe', 'placeholder');
      addPackage(modules, platformPackage, 'bun', 'real');
    });

    expect(findBun(folder, '').output).toBe(
      join(realpathSync(folder), 'node_modules', platformPackage, 'bin/bun'),
    );
  });

  test('on the PATH otherwise', () => {
    const folder = install((modules) => symlinkSync(process.execPath, join(modules, '../bun')));

    expect(findBun(folder, folder)).toEqual({ code: 0, output: join(folder, 'bun') });
  });

  test('only if its version is recent enough', () => {
    const folder = install((modules) =>
      writeFileSync(join(modules, '../bun'), '#!/bin/sh\necho 1.4.4\n', { mode: 0o755 }),
    );

    const { code, output } = findBun(folder, folder);

    expect(code).toBe(1);
    expect(output).toContain('Bun 1.4.5 or newer was not found');
  });
});
