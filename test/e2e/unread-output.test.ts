import { describe, expect, test } from 'bun:test';
import { spawn } from 'node:child_process';
import { existsSync, openSync, readFileSync } from 'node:fs';

import { post } from './ask.ts';
import { eventually, isRunning, processTree } from './processes.ts';
import { CORTEX_BIN, startUp, Workspace } from './start-up.ts';

const answers = async (api: string): Promise<boolean> => {
  const response = await post(api, { max_tokens: 1 });
  await response.text();
  return response.ok;
};

/** Sends requests that are refused at once. For each, `cortex up` prints a line of about 100 bytes. */
async function makeLines(api: string, lines: number): Promise<void> {
  for (let count = 0; count < lines; count += 1) {
    await (await post(api, { n: 1000 })).text();
  }
}

describe('cortex up keeps serving, and ends on SIGTERM, when its output', () => {
  test('has no reader any more', async () => {
    await using up = await startUp();
    up.program.child.stdout?.destroy();
    up.program.child.stderr?.destroy();

    await makeLines(up.api, 5);

    expect(await answers(up.api)).toBe(true);
    const below = processTree(up.program.pid);
    up.program.child.kill('SIGTERM');
    await eventually('everything to end', () => !below.some(({ pid }) => isRunning(pid)), 5000);
  }, 60_000);

  test('is not read', async () => {
    await using up = await startUp();
    up.program.child.stdout?.pause();
    up.program.child.stderr?.pause();

    await makeLines(up.api, 2000);

    expect(await answers(up.api)).toBe(true);
    const below = processTree(up.program.pid);
    up.program.child.kill('SIGTERM');
    await eventually('everything to end', () => !below.some(({ pid }) => isRunning(pid)), 5000);
  }, 60_000);

  test('is on a full disk', async () => {
    using workspace = new Workspace();
    const readyFile = workspace.path('up.json');
    const full = openSync('/dev/full', 'w');
    const child = spawn(CORTEX_BIN, ['up', '--ready-file', readyFile], {
      env: { ...process.env, ...workspace.env },
      stdio: ['ignore', full, full],
    });
    const ended = new Promise<number | null>((resolve) => {
      child.on('exit', resolve);
    });
    await eventually('the ready file', () => existsSync(readyFile), 20_000);
    const { api }: { api: string } = JSON.parse(readFileSync(readyFile, 'utf8'));

    await makeLines(api, 5);

    await eventually('an answer', () => answers(api));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  }, 60_000);
});
