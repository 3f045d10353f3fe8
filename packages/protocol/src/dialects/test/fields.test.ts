/** Each row of the tables of fields is true: the readers do with the field what its row says. */
import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { DIALECT_FIELDS } from '../dialect-fields.ts';
import type { DialectFieldRule, DialectRoute } from '../neutral/dialect-field.ts';
import { OLLAMA_CHAT } from '../ollama/ollama.ts';
import { type FieldReading, readingOf } from './field-reading.ts';
import { FIELD_SAMPLES } from './field-samples.ts';
import type { Sample } from './sample.ts';

const ROUTES = Object.entries(FIELD_SAMPLES).map(([route, samples]) => {
  const groups = DIALECT_FIELDS.filter(({ routes }) => routes.some((one) => one === route));
  return {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the record, which Object.entries forgets
    route: route as DialectRoute,
    ...samples,
    rows: groups.flatMap(({ fields: rules }) => Object.entries(rules)),
  };
});

/** `value` with `part` at a path; of a list, in its last element. */
function withPart(value: unknown, [key, ...rest]: readonly string[], part: unknown): unknown {
  if (key === undefined) return part;
  if (key !== '[]') {
    const object: JsonObject = isJsonObject(value) ? value : {};
    return { ...object, [key]: withPart(object[key], rest, part) };
  }
  if (!Array.isArray(value) || value.length === 0) throw new Error('the sample has no list there');
  const elements: readonly unknown[] = value;
  return [...elements.slice(0, -1), withPart(elements.at(-1), rest, part)];
}

interface Row {
  readonly route: DialectRoute;
  readonly field: string;
  readonly rule: DialectFieldRule;
  readonly sample: Sample;
  readonly body: JsonObject;
}

const CASES: readonly Row[] = ROUTES.flatMap(({ route, body, fields, rows }) =>
  rows.map(([field, rule]) => {
    const sample = fields[field];
    if (sample === undefined) throw new Error(`${route}: ${field} has no sample`);
    return { route, field, rule, sample, body: { ...body, ...sample.beside } };
  }),
);

const named = (kind: DialectFieldRule['kind']): (readonly [string, Row])[] =>
  CASES.filter(({ rule }) => rule.kind === kind).map((row) => [`${row.route} ${row.field}`, row]);

function plain({ route, body, sample: { put } }: Row): Promise<FieldReading> {
  return readingOf(route, { ...body, ...put?.(undefined) });
}

function changed(
  { route, field, body, sample: { put } }: Row,
  value: unknown,
): Promise<FieldReading> {
  if (put !== undefined) return readingOf(route, { ...body, ...put(value) });
  const path = field.replaceAll('[]', '.[]').split('.');
  const asked = withPart(body, path, value);
  if (!isJsonObject(asked)) throw new Error('not a body');
  return readingOf(route, asked);
}

/** Where a field is in a body, without the numbers of elements: `input[].content[].file_id`. */
const placeOf = (field: string): string =>
  field.endsWith('[]') ? field.slice(0, -2) : field.replaceAll(/\[\w+\]/g, '[]');

describe('A field is in one group per route, and each sample has a row', () => {
  test.each(ROUTES.map(({ route, ...one }) => [route, one] as const))('%s', (_, one) => {
    const fields = one.rows.map(([field]) => field);

    expect(fields.toSorted()).toEqual(Object.keys(one.fields).toSorted());
  });
});

describe('A field that is honoured changes what is made of the request', () => {
  test.each(named('honoured'))('%s', async (_, row) => {
    const { read } = await changed(row, row.sample.value);

    expect(read).not.toEqual((await plain(row)).read);
  });
});

describe('A field that is tolerated changes nothing', () => {
  test.each(named('tolerated'))('%s', async (_, row) => {
    expect(await changed(row, row.sample.value)).toEqual(await plain(row));
  });
});

describe('A field that is left out is named, and changes nothing else', () => {
  test.each(named('dropped'))('%s', async (_, row) => {
    const { droppedFields, droppedTools, read } = await changed(row, row.sample.value);

    expect(read).toEqual((await plain(row)).read);
    if (row.rule.kind === 'dropped' && row.rule.namedAs === 'tool')
      expect(droppedTools).toEqual([row.sample.tool ?? 'without a name']);
    else expect(droppedFields).toEqual([row.field]);
  });
});

describe('A field that is refused is named by the error', () => {
  test.each(named('refused'))('%s', async (_, row) => {
    const thrown: unknown = await changed(row, row.sample.value).catch((error: unknown) => error);

    if (!(thrown instanceof CortexError)) throw new Error('it was accepted');
    expect(thrown.code).toBe('unsupported_parameter');
    expect(placeOf(thrown.details.param ?? '')).toBe(placeOf(row.field));
    expect(thrown.message).toStartWith(`"${thrown.details.param}" `);
  });
});

describe('A value that asks for nothing is accepted without a word', () => {
  const rows = CASES.filter(({ rule }) => 'neutral' in rule && rule.neutral !== undefined);

  test.each(rows.map((row) => [`${row.route} ${row.field}`, row] as const))(
    '%s',
    async (_, row) => {
      expect(row.sample.neutral).toBeDefined();
      expect(await changed(row, row.sample.neutral)).toEqual(await plain(row));
    },
  );
});

describe('Null asks for nothing, also of a field that is refused or left out', () => {
  const rows = [...named('refused'), ...named('dropped')];
  const members = rows.filter(([name]) => !name.endsWith('[]'));

  test.each(members)('%s', async (_, row) => {
    expect(await changed(row, null)).toEqual(await plain(row));
  });
});

test('a number that asks for nothing may be spelled in another way', async () => {
  const body = '{"messages":[{"role":"user","content":"x"}],"options":{"typical_p":1.0}}';

  const { droppedFields } = await OLLAMA_CHAT.read(new TextEncoder().encode(body), new Headers());

  expect(droppedFields).toEqual([]);
});
