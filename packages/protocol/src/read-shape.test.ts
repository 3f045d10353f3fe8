import { expect, test } from 'bun:test';
import { z } from 'zod';

import { CortexError } from './errors.ts';
import { readShape } from './read-shape.ts';

const Body = z.strictObject({
  name: z.string().min(1),
  count: z.int().min(1).max(9).optional(),
  ratio: z.number().gt(0).optional(),
  kind: z.enum(['a', 'b', 'c']).optional(),
  isOn: z.boolean().optional(),
  list: z.array(z.string()).max(2).optional(),
  place: z.looseObject({ city: z.string() }).optional(),
  either: z.union([z.string(), z.looseObject({ at: z.looseObject({ x: z.number() }) })]).optional(),
  map: z.record(z.string(), z.number()).optional(),
  own: z.string('must be a word').optional(),
});

function refusal(value: unknown): CortexError {
  try {
    readShape(Body, value);
  } catch (error) {
    if (error instanceof CortexError) return error;
  }
  throw new Error('it was accepted');
}

test.each<[unknown, string, string | undefined]>([
  [5, 'The body must be an object.', undefined],
  [{}, '"name" is missing.', 'name'],
  [{ name: 5 }, '"name" must be a string.', 'name'],
  [{ name: '' }, '"name" must not be empty.', 'name'],
  [{ name: 'x', count: 1.5 }, '"count" must be a whole number.', 'count'],
  [{ name: 'x', count: 10 }, '"count" must be at most 9.', 'count'],
  [{ name: 'x', ratio: 0 }, '"ratio" must be more than 0.', 'ratio'],
  [{ name: 'x', kind: 'd' }, '"kind" must be "a", "b" or "c".', 'kind'],
  [{ name: 'x', isOn: 1 }, '"isOn" must be true or false.', 'isOn'],
  [{ name: 'x', list: ['a', 1] }, '"list[1]" must be a string.', 'list[1]'],
  [{ name: 'x', list: ['a', 'b', 'c'] }, '"list" must have at most 2 entries.', 'list'],
  [{ name: 'x', place: { city: 5 } }, '"place.city" must be a string.', 'place.city'],
  [{ name: 'x', either: { at: { x: 'y' } } }, '"either.at.x" must be a number.', 'either.at.x'],
  [{ name: 'x', either: 5 }, '"either" has a wrong value.', 'either'],
  [{ name: 'x', map: 5 }, '"map" must be an object.', 'map'],
  [{ name: 'x', own: 5 }, '"own" must be a word.', 'own'],
  [{ name: 'x', nmae: 5 }, '"nmae" is not a known field.', 'nmae'],
])(
  'the error for a wrong value names the field and its valid values: %j',
  (value, message, param) => {
    const { code, message: said, details } = refusal(value);

    expect({ code, said, param: details.param }).toEqual({
      code: 'invalid_request',
      said: message,
      param,
    });
  },
);
