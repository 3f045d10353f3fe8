import { llamaSources } from '@cortex/testkit';
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

import {
  chooseParser,
  readOutputFormat,
  reasoningState,
} from '../src/llama/parsers/choose-parser.ts';
import type { AnswerEnd, OutputParser } from '../src/llama/parsers/output-parser.ts';
import { readAll } from './parsed-answer.ts';

const FIXTURES = join(import.meta.dir, '../src/llama/parsers/__fixtures__');

const Tool = z.object({ name: z.string(), parameters: z.looseObject({}) });
const Case = z.strictObject({
  template: z.string().optional(),
  tools: z.string().optional(),
  prompt: z.string().optional(),
  end: z.enum(['finished', 'cut']).default('cut'),
  answer: z.string(),
  text: z.string().default(''),
  reasoning: z.string().default(''),
  calls: z.array(z.string()).default([]),
});
const Family = z.strictObject({
  template: z.string().optional(),
  source: z.string().optional(),
  tools: z.string(),
  cases: z.record(z.string(), Case),
});
type Family = z.infer<typeof Family>;
type Case = z.infer<typeof Case>;

const readFixture = (name: string): unknown =>
  JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8'));

const TOOLS = { none: [], ...z.record(z.string(), z.array(Tool)).parse(readFixture('tools')) };

const families = readdirSync(FIXTURES)
  .filter((file) => file.endsWith('.json') && file !== 'tools.json')
  .map((file) => file.slice(0, -'.json'.length))
  .map((name): [string, Family] => [name, Family.parse(readFixture(name))]);

function parserFor(family: Family, one: Case): OutputParser {
  const { prompt = '' } = one;
  const path = join(llamaSources(), 'models/templates', `${one.template ?? family.template}.jinja`);
  const format = readOutputFormat(family.source ?? readFileSync(path, 'utf8'));
  const begun = prompt === '' || prompt.includes('<') ? undefined : prompt;
  let calls = 0;
  return chooseParser(format, {
    reasoning: reasoningState(format, { prompt, begun }),
    tools: z.array(Tool).parse(Reflect.get(TOOLS, one.tools ?? family.tools)),
    isContinued: begun !== undefined,
    newCallId: () => `call_${calls++}`,
  });
}

/** The parsed form of an answer that arrives in `pieces`. */
function reader(family: Family, one: Case, end: AnswerEnd = one.end) {
  return (pieces: readonly string[]) => {
    const { text, reasoning, calls } = readAll(parserFor(family, one), pieces, end);
    return { text, reasoning, calls: calls.map((call) => call.name + call.arguments) };
  };
}

/** Splits `text` into pieces of a fixed length. */
function cut(text: string, lengths: readonly number[]): string[] {
  let at = 0;
  const pieces = lengths.map((length) => text.slice(at, (at += length)));
  return [...pieces, text.slice(at)];
}

/** The fragments of answers of a family: markers, brackets, words. */
const fragmentsOf = ({ cases }: Family): readonly string[] => [
  ...new Set(
    Object.values(cases).flatMap(({ answer }) =>
      answer
        .split(/(<[^<>\n]*>|\[[A-Z_/]+\]|["'{}[\]():,=]|\s+)/)
        .filter((part) => part.length < 60),
    ),
  ),
];

const MORE = ['\n', ' '.repeat(150), '{', '"', '\\', '\t', '{"name": "plan", "arguments": {"a": "'];

/** Whether markers are removed without a call between them: those of reasoning and of channels. */
const hasFrame = (whole: string): boolean =>
  /think|THINK|(?:START|END)_|channel|<\|(?:start|message|end)\|>/.test(whole);

describe.each(families)('the answers of %s', (_, family) => {
  test('are parsed as expected in every chunking', () => {
    for (const [name, one] of Object.entries(family.cases)) {
      const { text, reasoning, calls, answer } = one;
      const expected = { name, text, reasoning, calls };
      const read = reader(family, one);

      expect({ name, ...read([answer]) }).toEqual(expected);
      expect({ name, ...read(Array.from(answer)) }).toEqual(expected);
      fc.assert(
        fc.property(fc.array(fc.nat(12), { maxLength: 60 }), (lengths) => {
          expect({ name, ...read(cut(answer, lengths)) }).toEqual(expected);
        }),
        { numRuns: 5 },
      );
    }
  });

  test('made of random fragments parse the same in every chunking, lose no text, and have JSON arguments', () => {
    const fragment = fc.constantFrom(...fragmentsOf(family), ...MORE);
    const answer = fc.constantFrom(...Object.values(family.cases).map((one) => one.answer));
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(family.cases)),
        fc.array(fc.oneof({ weight: 9, arbitrary: fragment }, answer), { maxLength: 25 }),
        fc.array(fc.nat(9), { maxLength: 60 }),
        (one, fragments, lengths) => {
          const whole = fragments.join('');
          const read = reader(family, one, 'finished');
          const parsed = read([whole]);

          expect(read(cut(whole, lengths))).toEqual(parsed);
          for (const call of parsed.calls) expect(() => argumentsOf(call)).not.toThrow();
          const isPlain = parsed.calls.length === 0 && parsed.reasoning === '';
          if (isPlain && one.prompt === undefined && !hasFrame(whole))
            expect(parsed.text).toBe(whole);
          const wasCut = reader(family, one, 'cut');
          expect(wasCut(cut(whole, lengths))).toEqual(wasCut([whole]));
        },
      ),
      { numRuns: 80 },
    );
  });
});

/** The arguments of a call in the form name and arguments. */
const argumentsOf = (call: string): unknown => JSON.parse(call.slice(call.indexOf('{')));
