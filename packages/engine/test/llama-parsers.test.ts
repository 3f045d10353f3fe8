import { llamaSources } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import type { CallableTool } from '../src/grammar/answer-grammar.ts';
import {
  chooseParser,
  readOutputFormat,
  reasoningState,
} from '../src/llama/parsers/choose-parser.ts';
import type { OutputParser } from '../src/llama/parsers/output-parser.ts';
import { type Parsed, readAll } from './parsed-answer.ts';

const FIXTURES = join(import.meta.dir, '../src/llama/parsers/__fixtures__');

interface Fixture {
  /** A template of the corpus. */
  readonly template?: string;
  /** The template itself, where the corpus has none of the family. */
  readonly source?: string;
  /** The end of the prompt; where it is neither marker nor header, the answer that was begun. */
  readonly prompt?: string;
  readonly tools: readonly { readonly function: CallableTool }[];
  /** The answer as the model's tokens spell it. */
  readonly pieces: readonly string[];
  readonly expected: Parsed;
}

const cases = readdirSync(FIXTURES, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.json'))
  .toSorted()
  .map((path): [string, Fixture] => [
    path.replace(/\.json$/, ''),
    JSON.parse(readFileSync(join(FIXTURES, path), 'utf8')),
  ]);

const read = (fixture: Fixture, pieces: readonly string[]): Parsed =>
  readAll(parserFor(fixture), pieces);

function parserFor(fixture: Fixture): OutputParser {
  const { template, prompt = '', tools } = fixture;
  const path = join(llamaSources(), 'models/templates', `${template}.jinja`);
  const format = readOutputFormat(fixture.source ?? readFileSync(path, 'utf8'));
  const begun = prompt === '' || prompt.includes('<') ? undefined : prompt;
  let calls = 0;
  return chooseParser(format, {
    reasoning: reasoningState(format, { prompt, begun }),
    tools: tools.map((tool) => tool.function),
    isContinued: begun !== undefined,
    newCallId: () => `call_${calls++}`,
  });
}

/** `text` cut after every so many characters. */
function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (const length of lengths) pieces.push(text.slice(at, (at += length)));
  return [...pieces, text.slice(at)];
}

describe('a recorded answer', () => {
  test.each(cases)('%s is read as expected', (_, fixture) => {
    expect(read(fixture, fixture.pieces)).toEqual(fixture.expected);
  });

  test.each(cases)('%s is read the same however it is cut', (_, fixture) => {
    const whole = fixture.pieces.join('');
    expect(read(fixture, Array.from(whole))).toEqual(fixture.expected);
    fc.assert(
      fc.property(fc.array(fc.nat(12), { maxLength: 60 }), (lengths) => {
        expect(read(fixture, cut(whole, lengths))).toEqual(fixture.expected);
      }),
      { numRuns: 20 },
    );
  });

  test.each(cases)(
    'the fragments of %s in any order are read the same however they are cut',
    (_, fixture) => {
      const pieces = fixture.pieces.concat(
        fixture.pieces.join(''),
        '\n',
        ' '.repeat(150),
        '{',
        '"',
      );
      fc.assert(
        fc.property(
          fc.array(fc.constantFrom(...pieces), { maxLength: 25 }),
          fc.array(fc.nat(9), { maxLength: 60 }),
          (fragments, lengths) => {
            const whole = fragments.join('');
            const parsed = read(fixture, [whole]);

            expect(read(fixture, cut(whole, lengths))).toEqual(parsed);
            if (parsed.calls.length === 0 && parsed.reasoning === '' && !hasFrame(fixture, whole))
              expect(parsed.text).toBe(whole);
          },
        ),
        { numRuns: 40 },
      );
    },
  );
});

/** Whether markers are taken away although no call stands in them: those of reasoning and of channels. */
const hasFrame = ({ prompt = '' }: Fixture, whole: string): boolean =>
  /think|THINK|(?:START|END)_|channel|<\|(?:start|message|end)\|>/.test(whole) ||
  /(?:<think>|START_THINKING\|>)\s*$/.test(prompt);
