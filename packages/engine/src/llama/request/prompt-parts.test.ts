import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import { takeBreaks, withBreaks } from '../templates/marked-text.ts';
import { ControlTexts } from './control-texts.ts';
import { partsOfPrompt, type RenderedPrompt } from './prompt-parts.ts';

const CONTROLS = new ControlTexts(['<a>', '<a><b>', '<b>', '</a>', 'x', '']);

const PARTS = { all: CONTROLS, alwaysRead: new ControlTexts(['</a>']) };

/** A prompt with text of the template at even and text of the caller at odd indexes. */
function rendered(pieces: readonly string[]): RenderedPrompt {
  return takeBreaks(
    pieces.map((piece, i) => (i % 2 === 1 ? String(withBreaks(piece, CONTROLS)) : piece)).join(''),
  );
}

const split = (...pieces: readonly string[]) =>
  partsOfPrompt(rendered(pieces), PARTS).map(({ text, parseSpecial }) =>
    parseSpecial ? text : { plain: text },
  );

describe('the parts of a prompt', () => {
  test('are the whole prompt if the caller writes no control token', () => {
    expect(split('<a>user ', 'hi < there', '</a>')).toEqual(['<a>user hi < there</a>']);
  });

  test('reach from one control token of the template to the next, and split texts that the library always reads as a token', () => {
    expect(split('<b>one</a><a>user ', 'hi </a><b> you', '</a><b>')).toEqual([
      '<b>one</a><a>',
      { plain: 'user hi <' },
      { plain: '/a><b> you' },
      '</a><b>',
    ]);
  });

  test('may start and end with text of the caller', () => {
    expect(split('', '<a>', 'y')).toEqual([{ plain: '<a>y' }]);
  });

  test('contain the longest control token at each position', () => {
    expect(split('<a><b>', '<a><b>', '</a>')).toEqual(['<a><b>', { plain: '<a><b>' }, '</a>']);
  });

  const piece = fc
    .array(fc.constantFrom('<a>', '<b>', '</a>', ' ', 'w', '<', '\n'), { maxLength: 6 })
    .map((parts) => parts.join(''));

  test('form the prompt when joined, and are the same for a common prefix of two prompts', () => {
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), piece, (pieces, more) => {
        const prompt = rendered([...pieces, ...(pieces.length % 2 === 1 ? [''] : []), '<b>']);
        const longer = { text: prompt.text + more, breaks: prompt.breaks };
        const parts = partsOfPrompt(prompt, PARTS);
        const longerParts = partsOfPrompt(longer, PARTS);

        expect(parts.map(({ text }) => text).join('')).toBe(prompt.text);
        expect(longerParts.slice(0, parts.length - 1)).toEqual(parts.slice(0, -1));
      }),
    );
  });

  test('find ten thousand control texts of a caller in one pass', () => {
    const prompt = rendered(['<a>', '<b></a>'.repeat(10_000), '</a>']);

    const startMs = performance.now();
    expect(partsOfPrompt(prompt, PARTS)).toHaveLength(10_003);
    expect(performance.now() - startMs).toBeLessThan(1000);
  });
});
