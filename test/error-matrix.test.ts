import { describe, expect, test } from 'bun:test';

import {
  contextLengthExceeded,
  CortexError,
  type DialectName,
  ERROR_CODES,
  type ErrorCode,
  type ErrorDetails,
  isErrorCode,
  renderError,
  renderErrorEvent,
  toCortexError,
} from '@cortex/protocol';

/** One row of the matrix: the error for OpenAI and Anthropic clients. */
interface Row {
  readonly code: ErrorCode;
  readonly details?: ErrorDetails;
  readonly openai: readonly [status: number, type: string];
  readonly anthropic: readonly [status: number, type: string];
  readonly retryAfter: boolean;
  /** `x-should-retry: false`. */
  readonly final: boolean;
}

const INVALID = 'invalid_request_error';

/** Mistakes of the caller: permanent, without `Retry-After`. */
const mistake = (code: ErrorCode, status: number, type = INVALID, anthropicType = type): Row => ({
  code,
  openai: [status, type],
  anthropic: [status, anthropicType],
  retryAfter: false,
  final: true,
});

/** Server failures without a time for a retry. */
const failure = (code: ErrorCode, status: number, anthropicType: string): Row => ({
  code,
  openai: [status, 'server_error'],
  anthropic: [status, anthropicType],
  retryAfter: false,
  final: false,
});

/** Retry after `Retry-After`. Anthropic clients retry on 529 but not on 503. */
const busy = (code: ErrorCode, details?: ErrorDetails): Row => ({
  code,
  ...(details && { details }),
  openai: [503, 'server_error'],
  anthropic: [529, 'overloaded_error'],
  retryAfter: true,
  final: false,
});

const TABLE: readonly Row[] = [
  mistake('invalid_request', 400),
  mistake('missing_model_field', 400),
  mistake('malformed_json', 400),
  mistake('unsupported_media_type', 415),
  mistake('context_length_exceeded', 400),
  mistake('unsupported_parameter', 400),
  mistake('vision_unsupported', 400),
  mistake('wrong_modality', 422),
  mistake('template_render_failed', 422),
  mistake('invalid_api_key', 401, 'authentication_error'),
  mistake('forbidden', 403, 'permission_error'),
  mistake('model_not_allowed', 403, 'permission_error'),
  mistake('model_not_found', 404, INVALID, 'not_found_error'),
  mistake('model_not_loaded', 404, INVALID, 'not_found_error'),
  mistake('request_too_large', 413, INVALID, 'request_too_large'),
  mistake('prompt_too_long_for_vram', 413, INVALID, 'request_too_large'),
  mistake('conflict', 409),
  mistake('model_load_failed', 422),
  {
    code: 'rate_limit_exceeded',
    openai: [429, 'rate_limit_error'],
    anthropic: [429, 'rate_limit_error'],
    retryAfter: true,
    final: false,
  },
  mistake('insufficient_quota', 429, 'insufficient_quota', 'rate_limit_error'),
  // Never sent, because the client has disconnected. It appears in logs and ends the handler.
  mistake('client_closed_request', 499),
  failure('internal_error', 500, 'api_error'),
  failure('node_unreachable', 502, 'api_error'),
  failure('node_protocol_error', 502, 'api_error'),
  failure('upstream_disconnected', 502, 'api_error'),
  busy('no_healthy_node'),
  busy('no_capacity'),
  busy('queue_full'),
  busy('model_loading'),
  busy('insufficient_vram'),
  busy('node_recovering'),
  busy('shutting_down'),
  busy('model_load_failed', { transient: true }),
  failure('node_timeout', 504, 'timeout_error'),
  failure('load_timeout', 504, 'timeout_error'),
];

const REQUEST_ID = 'req_1';
const nameOf = ({ code, details }: Row): string =>
  details?.transient === true ? `${code}, transient` : code;
const errorOf = ({ code, details }: Row): CortexError =>
  new CortexError(code, 'what happened', { retryAfterS: 7, ...details });

/** Text of an event, without its framing. */
const dataOf = (event: string): unknown => JSON.parse(/^data: (.*)$/m.exec(event)?.[1] ?? '');

test('the error matrix covers exactly the codes of the error table', () => {
  expect([...new Set(TABLE.map(({ code }) => code))].sort()).toEqual(
    Object.keys(ERROR_CODES).filter(isErrorCode).sort(),
  );
});

test('no error code has status 402', () => {
  expect(TABLE.flatMap(({ openai, anthropic }) => [openai[0], anthropic[0]])).not.toContain(402);
});

const headersOf = (row: Row): Record<string, string> => ({
  ...(row.retryAfter && { 'retry-after': '7' }),
  ...(row.final && { 'x-should-retry': 'false' }),
});

describe('an error as an HTTP answer', () => {
  test.each(TABLE.map((row) => [nameOf(row), row] as const))(
    'has the status, headers and body of %s for OpenAI clients',
    (_, row) => {
      const rendered = renderError(errorOf(row), 'openai', REQUEST_ID);

      expect(rendered).toEqual({
        status: row.openai[0],
        headers: headersOf(row),
        body: {
          error: {
            message:
              row.code === 'internal_error'
                ? 'An internal error occurred (req_1).'
                : 'what happened',
            type: row.openai[1],
            code: row.code,
            param: null,
          },
        },
      });
    },
  );

  test.each(TABLE.map((row) => [nameOf(row), row] as const))(
    'has the status, headers and body of %s for Anthropic clients',
    (_, row) => {
      const rendered = renderError(errorOf(row), 'anthropic', REQUEST_ID);

      expect(rendered).toEqual({
        status: row.anthropic[0],
        headers: { ...headersOf(row), 'request-id': REQUEST_ID },
        body: {
          type: 'error',
          error: {
            type: row.anthropic[1],
            message:
              row.code === 'internal_error'
                ? 'An internal error occurred (req_1).'
                : 'what happened',
          },
          request_id: REQUEST_ID,
        },
      });
    },
  );

  test.each(['openai', 'anthropic'] satisfies DialectName[])(
    'tells %s clients not to retry for every 4xx except rate_limit_exceeded, and for no 5xx',
    (dialect) => {
      for (const row of TABLE) {
        const { status, headers } = renderError(errorOf(row), dialect, REQUEST_ID);
        const saysStop = headers['x-should-retry'] === 'false';
        expect(saysStop).toBe(status < 500 && row.code !== 'rate_limit_exceeded');
      }
    },
  );
});

describe('an error as an event of a committed stream', () => {
  test.each(TABLE.map((row) => [nameOf(row), row] as const))(
    'has the type and members of %s for OpenAI clients',
    (_, row) => {
      const text = renderErrorEvent(errorOf(row), 'openai', REQUEST_ID);

      expect(text).toMatch(/^data: [^\n]+\n\ndata: \[DONE\]\n\n$/);
      expect(dataOf(text)).toMatchObject({
        error: {
          type: row.openai[1],
          code: row.code,
          status: row.openai[0],
          ...(row.retryAfter && { retry_after_s: 7 }),
        },
      });
      expect(text.includes('retry_after_s')).toBe(row.retryAfter);
    },
  );

  test.each(TABLE.map((row) => [nameOf(row), row] as const))(
    'has the type and members of %s for Anthropic clients',
    (_, row) => {
      const text = renderErrorEvent(errorOf(row), 'anthropic', REQUEST_ID);

      expect(text).toMatch(/^event: error\ndata: [^\n]+\n\n$/);
      expect(dataOf(text)).toMatchObject({
        type: 'error',
        error: {
          type: row.anthropic[1],
          code: row.code,
          status: row.anthropic[0],
          ...(row.retryAfter && { retry_after_s: 7 }),
        },
        request_id: REQUEST_ID,
      });
      expect(text.includes('retry_after_s')).toBe(row.retryAfter);
    },
  );
});

describe('Retry-After', () => {
  test.each([
    [undefined, '1'],
    [0, '1'],
    [0.2, '1'],
    [7.2, '8'],
    [600, '60'],
    [Infinity, '60'],
    [NaN, '1'],
  ])('of %p seconds is sent as %s', (retryAfterS, sent) => {
    const error = new CortexError(
      'no_capacity',
      'full',
      retryAfterS === undefined ? {} : { retryAfterS },
    );

    expect(renderError(error, 'openai', REQUEST_ID).headers['retry-after']).toBe(sent);
  });
});

describe('the content of an error', () => {
  const loading = { state: 'loading', node: 'beast', progress: 0.4, eta_s: 90 };

  test.each(['openai', 'anthropic'] satisfies DialectName[])(
    'includes a load in progress for %s clients, in answers and events',
    (dialect) => {
      const error = new CortexError('model_loading', 'wait', { loading, retryAfterS: 90 });

      expect(renderError(error, dialect, REQUEST_ID).body).toMatchObject({ error: { loading } });
      expect(dataOf(renderErrorEvent(error, dialect, REQUEST_ID))).toMatchObject({
        error: { loading, retry_after_s: 60 },
      });
    },
  );

  test('includes param and additional members for OpenAI clients', () => {
    const error = new CortexError('insufficient_vram', 'no room', {
      param: 'devices',
      extra: { device: 0, missing_mb: 512 },
    });

    expect(renderError(error, 'openai', REQUEST_ID).body).toMatchObject({
      error: { param: 'devices', device: 0, missing_mb: 512 },
    });
  });

  test('describes a prompt that is too long in the words of each dialect', () => {
    const error = contextLengthExceeded({ promptTokens: 5000, maxTokens: 4096 });

    expect(renderError(error, 'openai', REQUEST_ID).body).toMatchObject({
      error: { message: expect.stringContaining('maximum context length is 4096 tokens') },
    });
    expect(renderError(error, 'anthropic', REQUEST_ID).body).toMatchObject({
      error: { message: 'prompt is too long: 5000 tokens > 4096 maximum' },
    });
  });

  test('never includes the text of an exception', () => {
    const error = toCortexError(new Error('secret of /etc/shadow'));

    for (const dialect of ['openai', 'anthropic'] satisfies DialectName[]) {
      const answer = JSON.stringify(renderError(error, dialect, REQUEST_ID));
      expect(answer + renderErrorEvent(error, dialect, REQUEST_ID)).not.toContain('secret');
      expect(answer).toContain(REQUEST_ID);
    }
    expect(error.cause).toBeInstanceOf(Error);
  });
});
