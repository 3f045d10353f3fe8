import { expect, test } from 'bun:test';

import { formatUsageComment, parseUsage, parseUsageComment, SSE_DONE } from './comments.ts';

const usage = {
  prompt_tokens: 12,
  completion_tokens: 3,
  cached_tokens: 8,
  reasoning_tokens: 0,
  queue_ms: 1.5,
  prompt_ms: 20,
  first_token_ms: 25,
  decode_ms: 80,
  estimated: false,
};

test('a usage comment is read back from the tail of a stream', () => {
  const tail = `ata: {"x":1}\n\n${formatUsageComment(usage)}${SSE_DONE}`;

  expect(parseUsageComment(tail)).toEqual(usage);
});

test('the last usage comment counts', () => {
  const tail = formatUsageComment(usage) + formatUsageComment({ ...usage, completion_tokens: 9 });

  expect(parseUsageComment(tail)?.completion_tokens).toBe(9);
});

test('CRLF line ends are read too', () => {
  expect(parseUsageComment(formatUsageComment(usage).replaceAll('\n', '\r\n'))).toEqual(usage);
});

test('text of the model that looks like the comment is no comment', () => {
  const forged = `data: {"content":": usage {\\"prompt_tokens\\":1,\\"completion_tokens\\":1}"}\n\n`;

  expect(parseUsageComment(forged)).toBeUndefined();
});

test.each([
  ['cut at its end', ': usage {"prompt_tokens":1,"completion_tokens":1}'],
  ['cut at its start', 'age {"prompt_tokens":1,"completion_tokens":1}\n\n'],
  ['not JSON', ': usage {"prompt\n\n'],
  ['without what it must have', ': usage {"prompt_tokens":1}\n\n'],
  ['absent', 'data: [DONE]\n\n'],
])('a comment that is %s is no usage', (_, tail) => {
  expect(parseUsageComment(tail)).toBeUndefined();
});

test('usage of an older node gets defaults for what it does not say', () => {
  expect(parseUsage('{"prompt_tokens":1,"completion_tokens":2}')).toMatchObject({
    cached_tokens: 0,
    estimated: false,
  });
});
