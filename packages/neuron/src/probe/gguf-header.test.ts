import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { asRankModel, embeddingModel, rankModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import fc from 'fast-check';
import { describe, expect, test } from 'bun:test';

import { readGgufHeader } from './gguf-header.ts';

const TINY = readFileSync(
  fileURLToPath(new URL('../../../../models/cortex-tiny.gguf', import.meta.url)),
);

describe('the header of a GGUF file', () => {
  test.each([
    ['a model that embeds', writeGguf(embeddingModel()), { pooling: 1 }],
    ['a model that ranks', writeGguf(rankModel()), { pooling: 4 }],
    ['a ranker made of a generator', writeGguf(asRankModel(readGguf(TINY))), { pooling: 4 }],
    ['a model that writes text', TINY, {}],
    ['nothing', new Uint8Array(), {}],
  ])('of %s says so', (_name, bytes, header) => {
    expect(readGgufHeader(bytes)).toEqual(header);
  });

  test('that is cut off or wrong anywhere is read as far as it goes, at once', () => {
    const whole = writeGguf(embeddingModel());
    fc.assert(
      fc.property(
        fc.nat(whole.length),
        fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 8 }),
        (length, changes) => {
          const bytes = whole.slice(0, length);
          for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
          return typeof readGgufHeader(bytes) === 'object';
        },
      ),
    );
  });
});
