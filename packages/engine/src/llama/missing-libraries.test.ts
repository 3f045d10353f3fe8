import { expect, test } from 'bun:test';

import { readMissing } from './missing-libraries.ts';

test('missingLibraries lists only libraries that are not found, each once', () => {
  const listing = [
    '\tlinux-vdso.so.1 (0x00007ffd)',
    '\tlibcudart.so.13 => not found',
    '\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)',
    '\tlibcublas.so.13 => not found',
    '\tlibcudart.so.13 => not found',
  ].join('\n');

  expect(readMissing(listing)).toEqual(['libcudart.so.13', 'libcublas.so.13']);
});
