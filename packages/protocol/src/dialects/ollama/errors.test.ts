import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import { renderError } from '../../render-error.ts';
import { renderOllamaErrorLine } from './errors.ts';
import { toOllamaRefusal } from './refusal.ts';

describe('An error', () => {
  test('is text, with the status of its code', () => {
    const error = new CortexError('model_not_found', 'No node has the model "x".', {
      param: 'model',
    });

    expect(renderError(error, 'ollama', 'req_1')).toEqual({
      status: 404,
      headers: { 'x-should-retry': 'false' },
      body: { error: 'No node has the model "x".', code: 'model_not_found', param: 'model' },
    });
  });

  test('of a wait is 503 and says when to come back and what is being loaded', () => {
    const loading = { state: 'loading', node: 'beast', progress: 0.4, eta_s: 12 };
    const error = new CortexError('model_loading', 'The model is being loaded.', {
      retryAfterS: 12,
      loading,
    });

    expect(renderError(error, 'ollama', 'req_1')).toMatchObject({
      status: 503,
      headers: { 'retry-after': '12' },
      body: { error: 'The model is being loaded.', loading },
    });
    expect(renderError(new CortexError('queue_full', 'Full.'), 'ollama', 'req_1').status).toBe(503);
  });

  test('does not tell what an exception says', () => {
    const error = new CortexError('internal_error', 'secret', { cause: new Error('secret') });

    expect(JSON.stringify(renderError(error, 'ollama', 'req_1'))).not.toContain('secret');
    expect(renderOllamaErrorLine(error, 'req_1')).toContain('req_1');
  });

  test('in a stream is one line, and has the status that the answer could not have', () => {
    const line = renderOllamaErrorLine(
      new CortexError('node_recovering', 'a\nb\u2028c', { retryAfterS: 2 }),
      'req_1',
    );

    expect(line).toMatch(/^[^\n\u2028]+\n$/);
    expect(JSON.parse(line)).toEqual({
      error: 'a\nb\u2028c',
      code: 'node_recovering',
      status: 503,
      retry_after_s: 2,
    });
  });

  test.each([
    [
      'tools',
      'This model cannot call tools.',
      'This model does not support tools. This model cannot call tools.',
    ],
    [
      'tools',
      'The chat template of this model does not support tools.',
      'The chat template of this model does not support tools.',
    ],
    [
      'suffix',
      '"suffix" is not supported.',
      'This model does not support insert. "suffix" is not supported.',
    ],
    ['logprobs', '"logprobs" is not supported.', '"logprobs" is not supported.'],
  ])('about "%s" has the words that clients look for', (param, message, told) => {
    const error = new CortexError('unsupported_parameter', message, { param });

    expect(renderError(error, 'ollama', 'req_1').body).toMatchObject({ error: told });
  });

  test('of a node keeps its text and what else it says', () => {
    const nodeError = {
      message: 'Full.',
      type: 'server_error',
      code: 'queue_full',
      param: null,
      loading: { state: 'loading' },
      retry_after_s: 3,
    };

    expect(JSON.parse(JSON.stringify(toOllamaRefusal(nodeError)))).toEqual({
      error: 'Full.',
      code: 'queue_full',
      loading: { state: 'loading' },
      retry_after_s: 3,
    });
    expect(toOllamaRefusal({})['error']).toBe('The node gave no reason.');
  });
});
