/** Parses answers of the families in `testkit/family-calls`, in one piece and character by character. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { llamaSources } from '@cortex/testkit';
import type { FamilyCalls } from '@cortex/testkit/family-calls';
import { expect } from 'bun:test';

import {
  chooseParser,
  readOutputFormat,
  reasoningState,
} from '../src/llama/parsers/choose-parser.ts';
import { readAll } from './parsed-answer.ts';

/** The tool that the calls in `testkit/family-calls` name. */
export const SEARCH = {
  name: 'search',
  parameters: {
    type: 'object',
    properties: {
      query: { type: 'string' },
      limit: { type: 'integer' },
      places: { type: 'array', items: { type: 'string' } },
      filter: { type: 'object' },
      ratio: { type: 'number' },
    },
  },
};

const templateOf = (family: FamilyCalls): string =>
  family.source ??
  readFileSync(join(llamaSources(), 'models/templates', `${family.template}.jinja`), 'utf8');

/** Parses an answer that the model ended itself. */
export function readBoth(family: FamilyCalls, answer: string) {
  const format = readOutputFormat(templateOf(family));
  const [whole, split] = [[answer], Array.from(answer)].map((pieces) => {
    const prompt = family.think === '' || answer.startsWith('</') ? (family.prompt ?? '') : '';
    const parser = chooseParser(format, {
      reasoning: reasoningState(format, { prompt, begun: undefined }),
      tools: [SEARCH],
      isContinued: false,
      newCallId: () => 'id',
    });
    const { text, reasoning, calls } = readAll(parser, pieces, 'finished');
    const args = calls.map((call) => JSON.parse(call.arguments));
    const names = calls.map((call) => call.name);
    return { text, reasoning, names, args, isCallCut: parser.isCallCut };
  });
  expect(split).toEqual(whole);
  if (whole === undefined) throw new Error('nothing was read');
  return whole;
}

/** The content and the arguments of an answer that is one call of `search`. */
export function readCall(family: FamilyCalls, args: string, close = family.close) {
  const answered = readBoth({ ...family, prompt: '' }, family.open + args + close);
  return { text: answered.text, args: answered.args };
}

/** What `readCall` returns for a call with `args` and no other text. */
export const one = (args: object) => ({ text: '', args: [args] });
