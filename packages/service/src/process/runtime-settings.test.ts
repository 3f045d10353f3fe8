import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'bun:test';

import { neededEnv } from './runtime-settings.ts';

const LAUNCHER = readFileSync(new URL('../../launch.sh', import.meta.url), 'utf8');
const FULL = {
  BUN_CONFIG_MAX_HTTP_REQUESTS: '65336',
  BUN_JSC_forceRAMSize: '4294967296',
  MIMALLOC_PURGE_DELAY: '1000',
};

describe('the environment of a compiled program', () => {
  test('has the settings that the launcher gives a program that runs from its sources', () => {
    const set = LAUNCHER.matchAll(/([A-Za-z_]+)(?::=|=)(\d{4,})/g);

    expect(neededEnv({})).toEqual(
      Object.fromEntries([...set].map(([, name, value]) => [name, value])),
    );
  });

  test('is left as it is if nothing is missing, so that the program starts itself again only once', () => {
    for (const env of [
      {},
      { A: 'b' },
      { MIMALLOC_PURGE_DELAY: '' },
      { BUN_CONFIG_VERBOSE_FETCH: '1' },
    ]) {
      expect(neededEnv(neededEnv(env) ?? {})).toBeUndefined();
    }
    expect(neededEnv({ ...FULL, BUN_CONFIG_MAX_HTTP_REQUESTS: '70000' })).toBeUndefined();
  });

  test('keeps what the operator has set, but for a limit that is too low and a log of secrets', () => {
    const env = {
      BUN_CONFIG_MAX_HTTP_REQUESTS: '256',
      MIMALLOC_PURGE_DELAY: '5',
      BUN_CONFIG_VERBOSE_FETCH: 'curl',
      PATH: '/bin',
    };

    expect(neededEnv(env)).toEqual({ ...FULL, MIMALLOC_PURGE_DELAY: '5', PATH: '/bin' });
  });
});
