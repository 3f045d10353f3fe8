import { expect, test } from 'bun:test';

import { installHangup } from './hangup.ts';

test.each([
  [false, 'reload'],
  [true, 'end'],
] as const)('SIGHUP of a daemon with a terminal (%p) makes it %s', (isInTerminal, expected) => {
  const before = process.listenerCount('SIGHUP');
  const done: string[] = [];
  const dispose = installHangup({
    isInTerminal,
    reload: () => void done.push('reload'),
    end: () => void done.push('end'),
  });

  process.emit('SIGHUP');
  dispose();

  expect(done).toEqual([expected]);
  expect(process.listenerCount('SIGHUP')).toBe(before);
});
