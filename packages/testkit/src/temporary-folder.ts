import { afterAll, onTestFinished } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A fresh folder, removed with all that is in it: one that a test or `beforeEach` asks for when that test is over and
 * its `afterEach` are through, one that is asked for at the top of a test file or in `describe` after the tests there.
 *
 * Not for `beforeAll`, nor for the top of a module that several test files import: there the runner takes the end of
 * `beforeAll`, or of the first of the files, for the end of all.
 */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    onTestFinished(remove);
  } catch {
    // Outside a test, where it is refused.
    afterAll(remove);
  }
  return folder;
}
