import { expect, test } from 'bun:test';

import { formatUsageComment, parseUsage, SSE_DONE, SSE_KEEP_ALIVE } from './comments.ts';
import { WholeEvents } from './whole-events.ts';

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

test('a usage comment is read back from a stream', () => {
  const events = new WholeEvents();
  events.push(new TextEncoder().encode(`data: {"x":1}\n\n${formatUsageComment(usage)}${SSE_DONE}`));

  expect(parseUsage(events.usageText ?? '')).toEqual(usage);
});

test('each comment of a stream is one line without a blank line after it', () => {
  for (const comment of [SSE_KEEP_ALIVE, formatUsageComment(usage)])
    expect(comment).toMatch(/^: [^\n]+\n$/);
});

test.each([
  '{"prompt\n',
  '{"prompt_tokens":1}',
  '',
  JSON.stringify({ ...usage, prompt_tokens: -1 }),
  JSON.stringify({ ...usage, completion_tokens: 1.5 }),
  JSON.stringify({ ...usage, queue_ms: -1 }),
  JSON.stringify(usage).replace('"decode_ms":80', '"decode_ms":1e999'),
  '{"prompt_tokens":1,"completion_tokens":-2}',
])('parseUsage returns undefined for %p', (text) => {
  expect(parseUsage(text)).toBeUndefined();
});

test('the usage of an older node gets defaults for missing members', () => {
  expect(parseUsage('{"prompt_tokens":1,"completion_tokens":2}')).toMatchObject({
    cached_tokens: 0,
    estimated: false,
  });
});
