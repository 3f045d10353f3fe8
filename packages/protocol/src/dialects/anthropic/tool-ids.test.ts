import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { toClientCallId, toNodeCallId } from './tool-ids.ts';

test('every id of a node has characters that clients accept, and comes back', () => {
  const anyId = fc.oneof(
    fc.string({ unit: 'grapheme', minLength: 1 }),
    fc.constantFrom('functions.Bash:0', 'call_1', 'toolu_x64_', 'toolu_x64_YQ', 'é'),
  );
  fc.assert(
    fc.property(anyId, (id) => {
      expect(toClientCallId(id)).toMatch(/^[a-zA-Z0-9_-]+$/);
      expect(toNodeCallId(toClientCallId(id))).toBe(id);
    }),
  );
});

test.each(['toolu_x64_', 'toolu_x64_!', 'toolu_x64_YQ', 'toolu_x64__w', 'toolu_01', ''])(
  'an id that was not encoded here stays as it is: %p',
  (id) => {
    expect(toNodeCallId(id)).toBe(id);
  },
);
