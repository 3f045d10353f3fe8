import { expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';

import { errorResponse } from './error-response.ts';

test('an error is answered in the dialect of the client, with request id and headers', async () => {
  const response = errorResponse(new CortexError('queue_full', 'full', { retryAfterS: 3 }), {
    dialect: 'openai',
    requestId: 'req_1',
    headers: { 'x-neuron-refused': '1' },
  });

  expect(response.status).toBe(503);
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'application/json;charset=utf-8',
    'retry-after': '3',
    'x-request-id': 'req_1',
    'x-neuron-refused': '1',
  });
  expect(await response.json()).toMatchObject({
    error: { code: 'queue_full', message: 'full' },
  });
});

test('an unexpected error is logged once, with the request id that the client gets', () => {
  const logged: unknown[] = [];
  const log = { error: (fields: unknown) => void logged.push(fields) };
  const cause = new TypeError('secret');

  errorResponse(cause, { dialect: 'openai', requestId: 'req_1', log });
  errorResponse(new CortexError('queue_full', 'full'), {
    dialect: 'openai',
    requestId: 'req_2',
    log,
  });

  expect(logged).toEqual([{ err: cause, request_id: 'req_1' }]);
});

test('any other thrown value is answered as an internal error without its text', async () => {
  const response = errorResponse(new TypeError('secret'), {
    dialect: 'anthropic',
    requestId: 'req_1',
  });

  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain('secret');
});
