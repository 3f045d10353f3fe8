import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

const BUSY_ENGINE = join(import.meta.dir, 'fixtures/busy-engine.ts');
const OWNER = join(import.meta.dir, 'fixtures/owner.ts');

/** An engine ends within 1 s of its owner; the rest is for a machine under load. */
const LIMIT_MS = 2_000;

/** The same program for a runtime that reads no TypeScript. */
async function bundleForNode(): Promise<string> {
  const outdir = temporaryFolder('engine');
  await Bun.build({ entrypoints: [BUSY_ENGINE], outdir, target: 'node', naming: 'engine.mjs' });
  return join(outdir, 'engine.mjs');
}

const RUNTIMES = [
  ['Bun', () => Promise.resolve([process.execPath, BUSY_ENGINE])],
  ['Node', async () => ['node', await bundleForNode()]],
] as const;

for (const [runtime, command] of RUNTIMES) {
  describe(`when the owner is killed, an engine under ${runtime}`, () => {
    test('exits even though its main thread is blocked', async () => {
      expect(await msToEndAfterOwner(await command())).toBeLessThan(LIMIT_MS);
    });

    test('exits in the middle of a stream', async () => {
      expect(await msToEndAfterOwner([...(await command()), '--free'])).toBeLessThan(LIMIT_MS);
    });
  });
}

async function msToEndAfterOwner(engineCommand: readonly string[]): Promise<number> {
  const owner = Bun.spawn([process.execPath, OWNER, ...engineCommand], {
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const pid = await firstNumberOf(owner.stdout);
  expect(isAlive(pid)).toBe(true);

  owner.kill('SIGKILL');

  const startMs = performance.now();
  while (isAlive(pid) && performance.now() - startMs < 2 * LIMIT_MS) await Bun.sleep(10);
  const tookMs = performance.now() - startMs;
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  return tookMs;
}

async function firstNumberOf(stream: ReadableStream<Uint8Array>): Promise<number> {
  let text = '';
  for await (const chunk of stream) {
    text += new TextDecoder().decode(chunk);
    if (text.includes('\n')) return Number(text.trim());
  }
  throw new Error('the owner ended without the pid of its engine');
}

/** A zombie is dead: nobody may be there to reap it. */
function isAlive(pid: number): boolean {
  const shown = Bun.spawnSync(['ps', '-o', 'stat=', '-p', String(pid)])
    .stdout.toString()
    .trim();
  return shown !== '' && !shown.startsWith('Z');
}
