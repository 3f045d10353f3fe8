import { describe, expect, test } from 'bun:test';

import fc from 'fast-check';

import type { Token } from '../native-types.ts';
import { DraftLength } from './draft-length.ts';
import type { SlotText } from './drafter.ts';
import { LookupDrafter } from './lookup-drafter.ts';

const textOf = (tokens: readonly Token[]): SlotText => ({
  length: tokens.length,
  at: (index) => tokens[index] ?? -1,
});

/** The tokens after the latest earlier occurrence of the same three tokens. */
function expected(tokens: readonly Token[], most: number): Token[] {
  const key = tokens.slice(-3).join();
  for (let end = tokens.length - 1; end >= 3; end--)
    if (tokens.slice(end - 3, end).join() === key) return tokens.slice(end, end + most);
  return [];
}

describe('LookupDrafter', () => {
  test('drafts the continuation of an earlier repetition, step after step', async () => {
    const tokens = fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 3, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(tokens, fc.integer({ min: 1, max: 8 }), async (all, most) => {
        const drafter = new LookupDrafter();
        for (let length = 3; length <= all.length; length++) {
          const text = all.slice(0, length);

          const [draft] = await drafter.draft([{ slot: 0, text: textOf(text), most }]);

          expect(draft).toEqual(expected(text, most));
        }
      }),
    );
  });

  test('indexes a slot again when its text has been replaced', async () => {
    const drafter = new LookupDrafter();
    await drafter.draft([{ slot: 0, text: textOf([1, 2, 3, 4, 5, 1, 2, 3]), most: 2 }]);

    const other = textOf([9, 8, 7, 6, 9, 8, 7]);
    const [draft] = await drafter.draft([{ slot: 0, text: other, most: 2 }]);

    expect(draft).toEqual([6, 9]);
  });
});

describe('DraftLength', () => {
  test('grows while drafts are accepted, and falls to the accepted length when they are not', () => {
    const length = new DraftLength();
    length.observe({ drafted: 4, accepted: 4 });
    const grown = length.next;
    length.observe({ drafted: 6, accepted: 1 });

    expect([grown, length.next]).toEqual([6, 1]);
  });
});
