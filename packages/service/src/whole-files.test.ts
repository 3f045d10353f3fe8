import { chownSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { writeWholeFiles } from './whole-files.ts';

describe('files that are written as a whole', () => {
  test('have their text and mode, also in folders that did not exist, and are removed on request', () => {
    const folder = temporaryFolder('whole-files');
    const path = join(folder, 'new/deep/token');

    const remove = writeWholeFiles([{ path, text: 'secret\n', mode: 0o600 }]);

    expect(readFileSync(path, 'utf8')).toBe('secret\n');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    remove();
    expect(readdirSync(join(folder, 'new/deep'))).toEqual([]);
  });

  test('leave everything as it was when one of them cannot be written', () => {
    const folder = temporaryFolder('whole-files');
    mkdirSync(join(folder, 'taken'));
    writeFileSync(join(folder, 'old'), 'old', { mode: 0o640 });
    const files = ['first', 'old', 'taken'].map((name) => ({
      path: join(folder, name),
      text: 'x',
      mode: 0o600,
    }));

    expect(() => writeWholeFiles(files)).toThrow('EISDIR');
    expect(readdirSync(folder).toSorted()).toEqual(['old', 'taken']);
    expect(readFileSync(join(folder, 'old'), 'utf8')).toBe('old');
    expect(statSync(join(folder, 'old')).mode & 0o777).toBe(0o640);
  });

  test('fail with the reason when a part of the path is a file', () => {
    const folder = temporaryFolder('whole-files');
    writeFileSync(join(folder, 'file'), 'x');
    const path = join(folder, 'file/below/token');

    expect(() => writeWholeFiles([{ path, text: 'x', mode: 0o600 }])).toThrow(
      expect.objectContaining({ code: 'ENOTDIR' }),
    );
  });

  test('that existed before have their old text again on request', () => {
    const folder = temporaryFolder('whole-files');
    const path = join(folder, 'file');
    writeFileSync(path, 'old');

    const undo = writeWholeFiles([{ path, text: 'new', mode: 0o644 }]);

    expect(readFileSync(path, 'utf8')).toBe('new');
    undo();
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  test.if(process.getuid?.() === 0)(
    'belong to the owner of their folder when root writes them (needs root)',
    () => {
      const folder = temporaryFolder('whole-files');
      chownSync(folder, 4242, 4243);
      const path = join(folder, 'token');

      writeWholeFiles([{ path, text: 'x', mode: 0o600 }]);

      expect(statSync(path)).toMatchObject({ uid: 4242, gid: 4243 });
    },
  );
});
