import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';

import { stateDirectory } from './state-directory.ts';

describe('stateDirectory', () => {
  test('is CORTEX_STATE_DIR if that is set', () => {
    expect(stateDirectory({ CORTEX_STATE_DIR: '/srv/c', XDG_STATE_HOME: '/x' }, '/home/a')).toBe(
      '/srv/c',
    );
  });

  test('is the folder cortex in XDG_STATE_HOME without CORTEX_STATE_DIR', () => {
    expect(stateDirectory({ XDG_STATE_HOME: '/x' }, '/home/a')).toBe('/x/cortex');
  });

  test('is absolute even if CORTEX_STATE_DIR is relative', () => {
    expect(stateDirectory({ CORTEX_STATE_DIR: 'state' }, '/home/a')).toBe(
      join(process.cwd(), 'state'),
    );
  });

  test('ignores a relative XDG_STATE_HOME, as its specification says', () => {
    expect(stateDirectory({ XDG_STATE_HOME: 'x' }, '/home/a')).toBe('/home/a/.local/state/cortex');
  });

  test('is ~/.local/state/cortex without CORTEX_STATE_DIR and XDG_STATE_HOME', () => {
    expect(stateDirectory({ CORTEX_STATE_DIR: '' }, '/home/a')).toBe('/home/a/.local/state/cortex');
  });
});
