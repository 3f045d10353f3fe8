import { describe, expect, test } from 'bun:test';

import { type Answer, judge } from './judge.ts';

const event = (data: unknown): string => `data: ${JSON.stringify(data)}\n\n`;
const DONE = 'data: [DONE]\n\n';
const USAGE = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };

const chunk = (finish: string | null = null, usage?: typeof USAGE) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 0,
  model: 'm',
  choices: [{ index: 0, delta: { content: 'text' }, finish_reason: finish }],
  usage,
});
const failure = (code: string, status: number) => ({
  error: { message: 'text', type: 'server_error', code, status },
});

const stream = (text: string): Answer => ({
  route: 'chat',
  isStream: true,
  status: 200,
  hasRetryAfter: false,
  text,
});
const refusal = (code: string, status: number, hasRetryAfter = true): Answer => ({
  ...stream(JSON.stringify(failure(code, status))),
  status,
  hasRetryAfter,
});

describe('judge', () => {
  test('takes a stream with finish_reason, usage and [DONE] as answered', () => {
    const text = `: keep-alive\n${event(chunk())}${event(chunk('stop', USAGE))}${DONE}`;

    expect(judge(stream(text))).toEqual({ kind: 'answered' });
  });

  test.each([
    ['that breaks off', event(chunk())],
    ['without finish_reason', event(chunk()) + DONE],
    ['without usage', event(chunk('stop')) + DONE],
    [
      'that has an error after its end',
      event(chunk('stop', USAGE)) + event(failure('node_timeout', 504)) + DONE,
    ],
    [
      'that goes on after an error',
      event(failure('node_timeout', 504)) + event(chunk('stop', USAGE)) + DONE,
    ],
    ['with an event that is not JSON', `data: {"id"\n\n${DONE}`],
    ['with an internal code', event(failure('model_not_loaded', 404)) + DONE],
  ])('finds a stream %s invalid', (_name, text) => {
    expect(judge(stream(text)).kind).toBe('invalid');
  });

  test('takes an error event and a status with a known code as clear errors', () => {
    const inStream = judge(stream(event(chunk()) + event(failure('node_timeout', 504)) + DONE));

    expect(inStream).toEqual({ kind: 'error', code: 'node_timeout' });
    expect(judge(refusal('no_capacity', 503))).toEqual({ kind: 'error', code: 'no_capacity' });
    expect(judge(refusal('model_load_failed', 503)).kind).toBe('error');
    expect(judge(refusal('model_load_failed', 422)).kind).toBe('error');
  });

  test.each([
    ['an unknown code', refusal('oops', 503)],
    ['another status than that of its code', refusal('no_capacity', 502)],
    ['503 without Retry-After', refusal('no_capacity', 503, false)],
    ['a body that is not JSON', { ...refusal('no_capacity', 503), text: '<html>' }],
  ])('finds an error with %s invalid', (_name, answer) => {
    expect(judge(answer).kind).toBe('invalid');
  });
});
