/** Errors of nodes in the APIs that are translated: the same error, whether the answer is streamed or whole. */
import { describe, expect, test } from 'bun:test';

import { CortexError, type ErrorCode } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { renderError } from '../../render-error.ts';
import { ANTHROPIC } from '../anthropic/anthropic.ts';
import type { ClientBody, Dialect } from '../dialect.ts';
import { OLLAMA_CHAT, OLLAMA_GENERATE } from '../ollama/ollama.ts';
import { RESPONSES } from '../responses/responses.ts';

const FACTS = { requestId: 'req_1', model: 'm', createdS: 0 };
const DEFAULT = 'The node ended its answer with an error.';

const DIALECTS: readonly (readonly [string, Dialect, object])[] = [
  ['/v1/messages', ANTHROPIC, { messages: [{ role: 'user', content: 'x' }] }],
  ['/v1/responses', RESPONSES, { input: 'x' }],
  ['/api/chat', OLLAMA_CHAT, { messages: [{ role: 'user', content: 'x' }] }],
  ['/api/generate', OLLAMA_GENERATE, { prompt: 'x', raw: true }],
];

/** What a node writes, and what it means. */
const ERRORS: readonly (readonly [JsonObject, ErrorCode, number, string])[] = [
  [{ error: { message: 'Full.', code: 'queue_full', status: 503 } }, 'queue_full', 503, 'Full.'],
  [
    { error: { message: 'a', code: 'model_load_failed', status: 503 } },
    'model_load_failed',
    503,
    'a',
  ],
  [{ error: { message: 'a', code: 'model_load_failed' } }, 'model_load_failed', 422, 'a'],
  [
    { error: { message: 'a', code: 'context_length_exceeded' } },
    'context_length_exceeded',
    400,
    'a',
  ],
  [{ error: { message: 'a', code: 'teapot', status: 404 } }, 'model_not_found', 404, 'a'],
  [{ error: { message: 'a', code: 'teapot', status: 418 } }, 'invalid_request', 400, 'a'],
  [{ error: { message: 'a', code: 'teapot' } }, 'node_protocol_error', 502, 'a'],
  [{ error: { message: 'a', code: 429 } }, 'rate_limit_exceeded', 429, 'a'],
  [{ error: { message: 'a', code: 401 } }, 'node_protocol_error', 502, 'a'],
  [{ error: { message: 'a', code: 529 } }, 'no_capacity', 503, 'a'],
  [{ error: { message: 'a', status: 1e9 } }, 'node_protocol_error', 502, 'a'],
  [{ error: 'a' }, 'node_protocol_error', 502, 'a'],
  [{ error: '' }, 'node_protocol_error', 502, DEFAULT],
  [{ error: {} }, 'node_protocol_error', 502, DEFAULT],
  [{ error: 1 }, 'node_protocol_error', 502, DEFAULT],
  [{ object: 'error', message: 'a', code: 503 }, 'no_capacity', 503, 'a'],
];

const read = (dialect: Dialect, body: object): Promise<ClientBody> =>
  dialect.read(new TextEncoder().encode(JSON.stringify(body)), new Headers());

function thrownBy(act: () => unknown): CortexError {
  try {
    act();
  } catch (error) {
    if (error instanceof CortexError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe.each(DIALECTS)(
  'An error that a node sends in place of an answer to %s',
  (_, dialect, request) => {
    test.each(ERRORS)('has our code and its message: %j', async (error, code, status, message) => {
      const body = await read(dialect, request);
      const text = JSON.stringify(error);

      const thrown = thrownBy(() => body.whole?.(new TextEncoder().encode(text), FACTS));
      const stream = body.stream(FACTS);
      const events =
        stream.opening() + String(stream.push(new TextEncoder().encode(`data: ${text}\n\n`)));

      for (const { code: toldCode, status: toldStatus, message: told } of [
        thrown,
        stream.nodeFailure ?? new Error('no error'),
      ].filter((one) => one instanceof CortexError))
        expect([toldCode, toldStatus, told]).toEqual([code, status, message]);
      expect(stream.nodeFailure?.code).toBe(code);
      expect(stream.failure).toBeUndefined();
      if (message === 'a') expect(events).toContain('"a');
      expect(
        String(stream.push(new TextEncoder().encode('data: {}\n\n'))) +
          stream.keepAlive() +
          stream.end(true),
      ).toBe('');
    });

    test('keeps when to try again, what is loading and what is missing', async () => {
      const body = await read(dialect, { ...request, stream: true });
      const members = {
        loading: { state: 'loading', node: 'beast', progress: 0.4, eta_s: 12 },
        device: 1,
        missing_mb: 2001,
      };
      const error = { message: 'a', code: 'insufficient_vram', status: 503, retry_after_s: 7 };
      const text = JSON.stringify({ error: { ...error, ...members } });

      const thrown = thrownBy(() => body.whole?.(new TextEncoder().encode(text), FACTS));
      const whole = renderError(thrown, dialect.name, 'req_1');
      const events = body.stream(FACTS).push(new TextEncoder().encode(`data: ${text}\n\n`));

      expect(whole.headers['retry-after']).toBe('7');
      for (const told of [JSON.stringify(whole.body), String(events)])
        for (const [name, value] of Object.entries(members))
          expect(told).toContain(`"${name}":${JSON.stringify(value)}`);
      expect(String(events)).toContain('"retry_after_s":7');
      expect(String(events)).toMatch(/"status":(?:503|529)/);
    });

    test('is told without details that have another form', async () => {
      const body = await read(dialect, request);
      const error = {
        message: 'a',
        code: 'queue_full',
        loading: 'soon',
        device: {},
        missing_mb: 5,
      };
      const text = JSON.stringify({ error });

      const thrown = thrownBy(() => body.whole?.(new TextEncoder().encode(text), FACTS));

      expect(thrown).toMatchObject({ code: 'queue_full', details: { extra: { missing_mb: 5 } } });
      expect(JSON.stringify(renderError(thrown, dialect.name, 'r'))).not.toMatch(/loading|device/);
    });

    test('is none if the member is null', async () => {
      const body = await read(dialect, { ...request, stream: true });
      const stream = body.stream(FACTS);

      stream.push(new TextEncoder().encode('data: {"error":null,"choices":[]}\n\n'));

      expect(stream.nodeFailure).toBeUndefined();
    });
  },
);

describe.each(DIALECTS)('A stream of %s', (_, dialect, request) => {
  test('ends once with an error where the node sends something else than an answer', async () => {
    const body = await read(dialect, { ...request, stream: true });
    for (const data of ['{', '<html>', '{"choices":']) {
      const stream = body.stream(FACTS);
      const text =
        stream.opening() + String(stream.push(new TextEncoder().encode(`data: ${data}\n\n`)));

      expect(text).toContain('not JSON');
      expect(stream.failure?.code).toBe('node_protocol_error');
      expect(stream.end(false) + stream.keepAlive()).toBe('');
    }
  });

  test('ends at [DONE], without waiting for the end of the connection', async () => {
    const body = await read(dialect, { ...request, stream: true });
    const stream = body.stream(FACTS);
    const chunk = '{"choices":[{"text":"hi","delta":{"content":"hi"},"finish_reason":"stop"}]}';

    const text = String(
      stream.push(new TextEncoder().encode(`data: ${chunk}\n\ndata: [DONE]\n\n`)),
    );

    expect(text).toMatch(/message_stop|response\.completed|"done":true/);
    expect(stream.end(true)).toBe('');
  });
});
