import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';

import { stateDirectory } from './state-directory.ts';

describe('stateDirectory', () => {
  test('is CORTEX_STATE_DIR where it is set', () => {
    expect(stateDirectory({ CORTEX_STATE_DIR: '/srv/c', XDG_STATE_HOME: '/x' }, '/home/a')).toBe(
      '/srv/c',
    );
  });

  test('else a folder of its own in XDG_STATE_HOME', () => {
    expect(stateDirectory({ XDG_STATE_HOME: '/x' }, '/home/a')).toBe('/x/cortex');
  });

  test('is absolute where CORTEX_STATE_DIR is relative', () => {
    expect(stateDirectory({ CORTEX_STATE_DIR: 'state' }, '/home/a')).toBe(
      join(process.cwd(), 'state'),
    );
  });

  test('leaves a relative XDG_STATE_HOME out, as its specification says', () => {
    expect(stateDirectory({ XDG_STATE_HOME: 'x' }, '/home/a')).toBe('/home/a/.local/state/cortex');
  });

  test('else ~/.local/state/cortex', () => {
    expect(stateDirectory({ CORTEX_STATE_DIR: '' }, '/home/a')).toBe('/home/a/.local/state/cortex');
  });
});
