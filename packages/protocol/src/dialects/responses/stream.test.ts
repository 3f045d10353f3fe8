import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import type { AnswerStream } from '../dialect.ts';
import { readResponsesRequest, type ResponsesRequest } from './responses.ts';
import { FACTS } from './test/answer.ts';
import { checkEvents, parseEvents } from './test/event-rules.ts';

const encoder = new TextEncoder();

const request = (members: object = {}): ResponsesRequest =>
  readResponsesRequest(encoder.encode(JSON.stringify({ input: 'x', stream: true, ...members })));

const node = (...chunks: readonly unknown[]): Uint8Array =>
  encoder.encode(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(''));

const said = (content: string): object => ({ choices: [{ index: 0, delta: { content } }] });
const STOP = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };

const started = (): { readonly stream: AnswerStream; readonly text: string } => {
  const stream = request().stream(FACTS);
  return { stream, text: stream.opening() };
};

describe('A stream', () => {
  test('has each delta as soon as the node sends it', () => {
    const { stream } = started();
    stream.push(node(said('a')));

    const events = parseEvents(String(stream.push(node(said('b')))));

    expect(events).toMatchObject([{ type: 'response.output_text.delta', delta: 'b' }]);
  });

  test('is kept alive by events that clients know, with numbers of their own', () => {
    const { stream, text } = started();
    const all =
      text +
      stream.keepAlive() +
      String(stream.push(node(said('a')))) +
      stream.keepAlive() +
      String(stream.push(node(said('b'), STOP))) +
      stream.end(true);

    const events = parseEvents(all);

    expect(checkEvents(events)).toMatchObject({ status: 'completed' });
    expect(events.filter(({ type }) => type === 'response.in_progress')).toHaveLength(3);
  });

  test('ends once: nothing follows its end or its error', () => {
    const { stream, text } = started();
    const failed = stream.push(node(said('a'), { error: { message: 'm', code: 'node_timeout' } }));

    checkEvents(parseEvents(text + String(failed)));
    const late = [stream.push(node(said('b'), STOP)), stream.keepAlive(), stream.end(true)];
    expect(late).toEqual(['', '', '']);
  });

  test('ends with an error of cortex as failed, with its status, when to try again and what is loading', () => {
    const { stream, text } = started();
    const loading = { state: 'loading', node: 'beast', progress: 0.4 };
    const error = new CortexError('model_loading', 'm is being loaded.', {
      retryAfterS: 9,
      loading,
      extra: { missing_mb: 5 },
    });

    const response = checkEvents(parseEvents(text + stream.fail(error)));

    expect(response.error).toEqual({
      code: 'model_loading',
      message: 'm is being loaded. Please try again in 9s.',
      status: 503,
      retry_after_s: 9,
      loading,
      missing_mb: 5,
    });
  });

  test('hides the text of unexpected exceptions', () => {
    const { stream, text } = started();
    const error = new CortexError('internal_error', 'secret');

    const response = checkEvents(parseEvents(text + stream.fail(error)));

    expect(response.error).toEqual({
      code: 'internal_error',
      message: 'An internal error occurred (req_test).',
      status: 500,
    });
  });

  test('begins by itself', () => {
    const stream = request().stream(FACTS);
    const text = String(stream.push(node(said('a'), STOP))) + stream.end(true);

    expect(checkEvents(parseEvents(text + stream.opening()))).toMatchObject({
      status: 'completed',
    });
  });

  test('has what the node said before something that is not JSON, and then fails', () => {
    const { stream, text } = started();
    const rest = String(
      stream.push(Buffer.concat([node(said('a')), encoder.encode('data: {\n\n')])),
    );

    const events = parseEvents(text + rest + stream.end(true));

    expect(checkEvents(events).error?.code).toBe('node_protocol_error');
    expect(events.at(-2)).toMatchObject({ type: 'response.output_text.delta', delta: 'a' });
  });

  test('has ids of calls that no other request has, also under the same request id', () => {
    const call = {
      choices: [{ delta: { tool_calls: [{ function: { name: 'f', arguments: '{}' } }] } }],
    };
    const ids = [1, 2].map((createdS) => {
      const stream = request().stream({ ...FACTS, createdS });
      const events = parseEvents(
        stream.opening() + String(stream.push(node(call, STOP))) + stream.end(true),
      );
      return JSON.stringify(checkEvents(events).output).match(/call_[0-9a-f]+_\d/)?.[0];
    });

    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toMatch(/^call_[0-9a-f]{16}_1$/);
  });
});

describe('A whole answer', () => {
  test.each([
    ['text', '{'],
    ['a list', '[]'],
    ['without choices', '{"choices":[]}'],
  ])('that is %s is an error', (_, answer) => {
    expect(() => request({ stream: false }).whole(encoder.encode(answer), FACTS)).toThrow(
      CortexError,
    );
  });
});
