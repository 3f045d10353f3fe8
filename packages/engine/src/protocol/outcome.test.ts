import { expect, test } from 'bun:test';
import { CortexError } from '@cortex/protocol';

import type { EngineEvent } from '../engine/generate.ts';
import { formatDone, formatFailure, readDone, readFailure } from './outcome.ts';

type Done = Extract<EngineEvent, { type: 'done' }>;

const done = (finish: Done['finish']): Done => ({
  type: 'done',
  finish,
  usage: { promptTokens: 5, completionTokens: 7, cachedTokens: 3, reasoningTokens: 2 },
  timings: { queueMs: 1, promptMs: 2, firstTokenMs: 3, decodeMs: 4 },
});

/** What the other side gets of `message`. */
const overTheWire = (message: object): unknown => JSON.parse(JSON.stringify(message));

test('the finish of one choice is a string on the wire', () => {
  const event = done([{ reason: 'stop', matchedStop: '###' }]);

  const wire = overTheWire(formatDone('1', event));

  expect(wire).toMatchObject({ kind: 'done', id: '1', finish: 'stop', matched_stop: '###' });
  expect(readDone(wire)).toEqual(event);
});

test('the finish of several choices is a list, with null where no stop string matched', () => {
  const event = done([{ reason: 'length' }, { reason: 'stop', matchedStop: 'x' }]);

  const wire = overTheWire(formatDone('1', event));

  expect(wire).toMatchObject({ finish: ['length', 'stop'], matched_stop: [null, 'x'] });
  expect(readDone(wire)).toEqual(event);
});

test('an error keeps its code, param, transience and retry time', () => {
  const error = new CortexError('model_load_failed', 'out of memory', {
    param: 'messages',
    transient: true,
    retryAfterS: 7,
  });

  const read = readFailure(overTheWire(formatFailure(error)));

  expect(read).toMatchObject({ code: error.code, message: error.message, details: error.details });
});

test('a failed load keeps its reason: too little memory, or an unknown architecture', () => {
  const failure = (extra?: Readonly<Record<string, unknown>>) =>
    new CortexError('model_load_failed', 'Cannot load it.', { extra });

  const read = [
    failure({ out_of_memory: true }),
    failure({ unknown_architecture: true }),
    failure({ other: 1 }),
    failure(),
  ].map((error) => readFailure(overTheWire(formatFailure(error))).details.extra);

  expect(read).toEqual([
    { out_of_memory: true },
    { unknown_architecture: true },
    undefined,
    undefined,
  ]);
});

test('the text of an unexpected exception stays inside the engine', () => {
  expect(formatFailure(new Error('secret path'))).toMatchObject({
    code: 'internal_error',
    message: 'An internal error occurred.',
  });
});

test('an unknown error code becomes internal_error and keeps its message', () => {
  expect(readFailure({ code: 'too_cold', message: 'Too cold.' })).toMatchObject({
    code: 'internal_error',
    message: 'Too cold.',
  });
});
