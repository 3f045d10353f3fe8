import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../../errors.ts';
import type { JsonObject } from '../../../json/json-object.ts';
import { toChatBody } from '../../neutral/to-chat-body.ts';
import { readMessagesRequest } from '../read-request.ts';
import { toMessage } from '../write-answer.ts';
import { clientMessage, eventsOf } from './client-message.ts';
import {
  type AnswerCase,
  answerCases,
  callIds,
  factsOf,
  isUpdate,
  type RequestCase,
  requestCases,
  streamOf,
  writeCase,
} from './golden-cases.ts';
import { translate } from './translate.ts';

function streamed(one: AnswerCase): Partial<AnswerCase> {
  const events = eventsOf(translate(one, [new TextEncoder().encode(streamOf(one))]));
  return { ...clientMessage(events), events: [...events] };
}

/** The message of the whole answer, or the error that it is. */
function whole(one: AnswerCase, answer: JsonObject): Partial<AnswerCase> {
  try {
    return { message: toMessage(answer, factsOf(one), callIds()) };
  } catch (error) {
    if (!(error instanceof CortexError)) throw error;
    return { error: { code: error.code, message: error.message } };
  }
}

function answered(one: AnswerCase): AnswerCase {
  const { title, chunks, isCut, answer, facts } = one;
  const result = chunks === undefined ? whole(one, answer ?? {}) : streamed(one);
  return { title, facts, chunks, isCut, answer, ...result };
}

describe('An answer', () => {
  test.each(answerCases.map(({ name, ...one }) => [name, one] as const))('%s', (_, one) => {
    const actual = answered(one.case);
    if (isUpdate) writeCase(one.file, actual);
    else expect(actual).toEqual(one.case);
  });

  const both = answerCases.flatMap(({ name, case: one }) =>
    one.chunks === undefined || one.answer === undefined ? [] : [[name, one, one.answer] as const],
  );
  test.each(both)('that is whole has the blocks of a stream: %s', (_, one, answer) => {
    expect(toMessage(answer, factsOf(one), callIds())).toEqual(one.message ?? {});
  });
});

function read({ title, request }: RequestCase): RequestCase {
  try {
    const { chat, stream, dropped } = readMessagesRequest(request);
    const body: JsonObject = JSON.parse(JSON.stringify(toChatBody(chat, { model: 'm', stream })));
    return { title, request, body, dropped: dropped.length === 0 ? undefined : [...dropped] };
  } catch (error) {
    if (!(error instanceof CortexError)) throw error;
    const { code, message, details } = error;
    return { title, request, error: { code, message, param: details.param } };
  }
}

describe('A request', () => {
  test.each(requestCases.map(({ name, ...one }) => [name, one] as const))('%s', (_, one) => {
    const actual = read(one.case);
    if (isUpdate) writeCase(one.file, actual);
    else expect(actual).toEqual(one.case);
  });
});

test('there are at least 60 recorded cases', () => {
  expect(answerCases.length + requestCases.length).toBeGreaterThanOrEqual(60);
});
