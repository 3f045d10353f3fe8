import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

import { createRunFolder } from './run-folder.ts';

test('cortex up removes the run folder of a killed run, and keeps that of a running one', () => {
  const stateDir = join(temporaryFolder('cortex-state'), 'deep');
  const living = createRunFolder(stateDir);
  const { pid: ended } = Bun.spawnSync(['true']);
  mkdirSync(join(stateDir, 'up', `${ended}-AbCdEf`, 'more'), { recursive: true });

  const next = createRunFolder(stateDir);

  expect(next).not.toBe(living);
  expect(existsSync(living)).toBe(true);
  expect(readdirSync(join(stateDir, 'up'))).toHaveLength(2);
});
