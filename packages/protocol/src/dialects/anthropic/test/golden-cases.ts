/** The recorded cases in `golden/`. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { JsonObjectShape } from '../../../json/json-object.ts';
import type { AnswerFacts } from '../../dialect.ts';

const FOLDER = fileURLToPath(new URL('../golden/', import.meta.url));

/** `UPDATE_GOLDEN=1` writes what the code does as what it should do. Read the difference before you commit it. */
export const isUpdate = process.env['UPDATE_GOLDEN'] === '1';

const AnswerCase = z.strictObject({
  title: z.string(),
  /** The events of a node. */
  chunks: z.array(JsonObjectShape).optional(),
  /** The stream ends without `[DONE]`. */
  isCut: z.literal(true).optional(),
  /** The same as a whole answer; alone, if streams cannot have it. */
  answer: JsonObjectShape.optional(),
  facts: z
    .strictObject({ contextTokens: z.int().optional(), promptTokens: z.int().optional() })
    .optional(),
  message: JsonObjectShape.optional(),
  error: JsonObjectShape.optional(),
  events: z.array(JsonObjectShape).optional(),
});
export type AnswerCase = z.infer<typeof AnswerCase>;

const RequestCase = z.strictObject({
  title: z.string(),
  request: JsonObjectShape,
  /** The body for a node. */
  body: JsonObjectShape.optional(),
  dropped: z.array(z.string()).optional(),
  error: JsonObjectShape.optional(),
});
export type RequestCase = z.infer<typeof RequestCase>;

interface Named<T> {
  readonly file: string;
  readonly name: string;
  readonly case: T;
}

function readCases<T extends { readonly title: string }>(
  folder: string,
  shape: z.ZodType<T>,
): readonly Named<T>[] {
  return readdirSync(FOLDER + folder)
    .toSorted()
    .map((name) => {
      const file = `${FOLDER}${folder}/${name}`;
      const one = shape.parse(JSON.parse(readFileSync(file, 'utf8')));
      return { file, name: `${name.replace('.json', '')}: ${one.title}`, case: one };
    });
}

export const answerCases = readCases('answers', AnswerCase);
export const requestCases = readCases('requests', RequestCase);

export const writeCase = (file: string, one: object): void =>
  writeFileSync(file, `${JSON.stringify(one, undefined, 2)}\n`);

/** The facts of the request that a case answers. */
export const factsOf = (one: AnswerCase): AnswerFacts => ({
  requestId: 'req_golden',
  model: 'claude-local',
  createdS: 1_700_000_000,
  ...one.facts,
});

/** Ids as a gateway makes them, but the same in each run. */
export function callIds(): () => string {
  let made = 0;
  return () => `toolu_made_${(made += 1)}`;
}

/** The chunks of a case as a node sends them. */
export const streamOf = ({ chunks = [], isCut }: AnswerCase): string =>
  chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('') +
  (isCut === true ? '' : 'data: [DONE]\n\n');
