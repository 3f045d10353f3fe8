import { afterEach, expect, test } from 'bun:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';

const MAIN = join(import.meta.dir, '../src/main.ts');

const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await Bun.sleep(20);
}

test('SIGHUP makes cortex serve without a terminal read its admin key again, and does not end it', async () => {
  const folder = temporaryFolder('cortex-hangup');
  const key = join(folder, 'key');
  const readyFile = join(folder, 'ready.json');
  writeFileSync(key, 'old\n', { mode: 0o600 });
  const child = Bun.spawn([process.execPath, MAIN, 'serve', '--ready-file', readyFile], {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: {
      ...process.env,
      BUN_CONFIG_MAX_HTTP_REQUESTS: '65336',
      CORTEX_GATEWAY__LISTEN: '127.0.0.1:0',
      CORTEX_GATEWAY__METRICS_LISTEN: '127.0.0.1:0',
      CORTEX_AUTH__ADMIN_KEY_FILE: key,
    },
  });
  children.push(child);
  await until(() => existsSync(readyFile));
  const { api }: { api: string } = JSON.parse(readFileSync(readyFile, 'utf8'));
  const statusWith = async (given: string): Promise<number> =>
    (await fetch(`${api}/admin/v1/nodes`, { headers: { authorization: `Bearer ${given}` } }))
      .status;
  expect(await statusWith('old')).toBe(200);

  writeFileSync(key, 'new\n');
  child.kill('SIGHUP');

  await until(async () => (await statusWith('new')) === 200);
  expect(await statusWith('old')).toBe(401);
  child.kill('SIGTERM');
  expect(await child.exited).toBe(0);
}, 30_000);
