import { describe, expect, test } from 'bun:test';

import { causeOf, formatLogLine } from './log-line.ts';

const now = new Date(2026, 0, 1, 12, 3, 4);
const format = (line: string): string | undefined =>
  formatLogLine(line, { name: 'neuron', paint: (_, text) => text, now });

const record = {
  ts: '2026-01-01T12:03:04.000Z',
  request_id: 'req_1',
  api: 'chat',
  model_asked: 'tiny',
  model: 'cortex-tiny',
  node: 'local',
  outcome: 'ok',
  status: 200,
  completion_tokens: 24,
  first_token_ms: 42.3,
  total_ms: 1310,
};

describe('formatLogLine', () => {
  test('shows a request as one line with model, status, tokens, times and id', () => {
    expect(format(JSON.stringify(record))).toBe(
      '12:03:04  chat         cortex-tiny  200  24 tokens  first after 42 ms  in 1.31 s  req_1',
    );
  });

  test('shows control characters in the name of the requested model as escapes', () => {
    const asked = { ...record, model: undefined, model_asked: 'a\u001B]0;title\u0007\nb' };

    expect(format(JSON.stringify(asked))).toContain(
      String.raw`chat         a\u001b]0;title\u0007\u000ab  200`,
    );
  });

  test('shows the error code of a failed request, and the requested model if it is unknown', () => {
    const failed = {
      ...record,
      outcome: 'not_found',
      status: 404,
      code: 'model_not_found',
      model: 'unknown',
      completion_tokens: 0,
      first_token_ms: undefined,
      total_ms: 2,
    };

    expect(format(JSON.stringify(failed))).toBe(
      '12:03:04  chat         tiny  404 model_not_found  in 2 ms  req_1',
    );
  });

  test('shows "-" as the model of a request that names none', () => {
    const listing = { ...record, api: 'models', model_asked: undefined, model: 'unknown' };

    expect(format(JSON.stringify(listing))).toContain('models       -  200');
  });

  test('shows warnings and errors with their cause', () => {
    const line = JSON.stringify({
      level: 'error',
      msg: 'load failed',
      err: { message: 'no such file' },
    });

    expect(format(line)).toBe('12:03:04  error  neuron: load failed: no such file');
  });

  test('names the node and model of a warning, and the reason', () => {
    const line = JSON.stringify({
      level: 'warn',
      model: 'tiny',
      reason: 'no file',
      msg: 'not loaded',
    });

    expect(format(line)).toBe('12:03:04  warn  neuron: tiny: not loaded: no file');
  });

  test('hides info records that are not requests', () => {
    expect(format(JSON.stringify({ level: 'info', msg: 'polled' }))).toBeUndefined();
  });

  test('shows a line that is not JSON unchanged', () => {
    expect(format('ggml: out of memory')).toBe('12:03:04  neuron: ggml: out of memory');
  });
});

describe('causeOf', () => {
  test('returns the message of an error record, or plain text', () => {
    expect(causeOf('neuron.toml:1: unknown key lisen')).toBe('neuron.toml:1: unknown key lisen');
    expect(causeOf(JSON.stringify({ level: 'fatal', msg: 'cannot start' }))).toBe('cannot start');
    expect(causeOf(JSON.stringify({ level: 'info', msg: 'starting' }))).toBeUndefined();
  });

  test('returns the message of an uncaught error without source, stack and version', () => {
    const report = [
      '12 |   const unfinished = path;',
      '13 |   writeFileSync(unfinished, text);',
      '       ^',
      'ENOENT: no such file or directory, open',
      '    path: "/proc/x",',
      ' syscall: "open",',
      '   errno: -2,',
      '    code: "ENOENT"',
      '',
      '      at writeReadyFile (/packages/service/src/ready-file.ts:9:3)',
      '      at processTicksAndRejections (native:7:39)',
      '',
      'Bun v1.4.5 (Linux x64)',
    ];

    expect(report.flatMap((line) => causeOf(line) ?? [])).toEqual([
      'ENOENT: no such file or directory, open',
    ]);
    expect(causeOf('error: the models folder is gone')).toBe('the models folder is gone');
  });
});
