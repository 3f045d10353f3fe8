import { describe, expect, test } from 'bun:test';

import { promptCacheMib } from './prompt-cache-size.ts';

describe('promptCacheMib', () => {
  test('gives the configured size while it is at most a quarter of the free RAM', () => {
    expect(promptCacheMib(4096, 16_384)).toBe(4096);
  });

  test('gives a quarter of the free RAM, in whole MiB, where the configured size is larger', () => {
    expect(promptCacheMib(4096, 16_383)).toBe(4095);
    expect(promptCacheMib(4096, 0)).toBe(0);
  });

  test('gives 0 when the operator turned the cache off', () => {
    expect(promptCacheMib(0, 16_384)).toBe(0);
  });
});
