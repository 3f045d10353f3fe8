import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { findLlamaServer } from './find-llama-server.ts';

function program(folder: string, mode = 0o755): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'llama-server');
  writeFileSync(path, '#!/bin/sh\n');
  chmodSync(path, mode);
  return path;
}

function places() {
  const root = temporaryFolder('llama-server');
  return {
    root,
    places: { configured: undefined, stateDir: root, searchPath: join(root, 'path') },
  };
}

describe('a llama-server', () => {
  test('in state_dir/bin is used before the one on the PATH', () => {
    const { root, places: where } = places();
    const onPath = program(join(root, 'path'));
    expect(findLlamaServer(where)).toEqual({ kind: 'found', path: onPath });

    const built = program(join(root, 'bin'));

    expect(findLlamaServer(where)).toEqual({ kind: 'found', path: built });
  });

  test('that is configured is used before both; an empty setting means none', () => {
    const { root, places: where } = places();
    program(join(root, 'bin'));
    const configured = program(join(root, 'mine'));

    expect(findLlamaServer({ ...where, configured })).toEqual({ kind: 'found', path: configured });
    expect(findLlamaServer({ ...where, configured: '' })).toEqual({ kind: 'none' });
  });

  test('that is configured and missing is reported, and no other is used instead', () => {
    const { root, places: where } = places();
    program(join(root, 'bin'));
    const configured = join(root, 'absent');

    expect(findLlamaServer({ ...where, configured })).toMatchObject({
      kind: 'refused',
      path: configured,
    });
  });

  test('to which everybody may write is refused, and so is one in such a folder or behind such a link', () => {
    const { root, places: where } = places();
    const open = program(join(root, 'open'), 0o777);
    const folder = program(join(root, 'folder'));
    chmodSync(join(root, 'folder'), 0o777);
    const link = join(root, 'link');
    symlinkSync(open, link);

    for (const configured of [open, folder, link]) {
      expect(findLlamaServer({ ...where, configured })).toMatchObject({
        kind: 'refused',
        reason: expect.stringContaining('everybody may write to'),
      });
    }
  });

  test('that is absent or cannot be run is none', () => {
    const { root, places: where } = places();
    program(join(root, 'bin'), 0o644);

    expect(findLlamaServer(where)).toEqual({ kind: 'none' });
  });
});
