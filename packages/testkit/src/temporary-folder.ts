import { afterAll, onTestFinished } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Creates an empty folder that is removed with its contents. If a test or `beforeEach` creates it, it is removed
 * after the test and its `afterEach`. If it is created at the top of a test file or in `describe`, it is removed
 * after the tests there.
 *
 * Not for `beforeAll` or the top of a module that several test files import: there the runner would remove it after
 * `beforeAll`, or after the first of the files.
 */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    onTestFinished(remove);
  } catch {
    // Outside a test, `onTestFinished` throws.
    afterAll(remove);
  }
  return folder;
}
