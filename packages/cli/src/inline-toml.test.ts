import { expect, test } from 'bun:test';

import fc from 'fast-check';

import { toInlineToml } from './inline-toml.ts';

const scalar = fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean());
const table = fc.dictionary(fc.string({ minLength: 1 }), scalar);

test('inline TOML is read back as the same value', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ name: fc.string(), settings: table, list: fc.array(scalar) })),
      (value) => {
        const read = Bun.TOML.parse(`value = ${toInlineToml(value)}`);

        expect(JSON.stringify(read)).toBe(JSON.stringify({ value }));
      },
    ),
    { examples: [[[{ name: 'a"b\\', settings: { 'k.ey': '\u007F' }, list: [] }]]] },
  );
});
