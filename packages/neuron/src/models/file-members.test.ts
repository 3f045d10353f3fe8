import { describe, expect, test } from 'bun:test';

import { fileMembers } from './file-members.ts';

const FILE = { isPartial: false, sizeBytes: 1500, modifiedMs: Date.UTC(2026, 0, 2) };

describe('An entry', () => {
  test('has the size and the time of a whole file', () => {
    expect(fileMembers(FILE)).toEqual({
      on_disk: true,
      size_bytes: 1500,
      modified_at: '2026-01-02T00:00:00.000Z',
    });
  });

  test.each([{ isPartial: true }, { missingPart: '/models/m-00002-of-00002.gguf' }])(
    'has no size of a file that is not whole: %j',
    (members) => {
      expect(fileMembers({ ...FILE, ...members })).toEqual({ on_disk: true });
    },
  );

  // tmpfs and btrfs can store such times.
  test.each([Date.UTC(10_000, 0, 1), 9e18, -9e18, Number.NaN])(
    'has no date of a file whose time no date can show: %d',
    (modifiedMs) => {
      expect(fileMembers({ ...FILE, modifiedMs })).toEqual({ on_disk: true, size_bytes: 1500 });
    },
  );

  test('says that there is no file', () => {
    expect(fileMembers(undefined)).toEqual({ on_disk: false });
  });
});
