import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import OpenAI from 'openai';

import { askWhole, GOOD_ANSWER } from './ask.ts';
import { CORTEX_BIN, Program, startUp, type Up } from './start-up.ts';

const QUESTION = 'What is cortex?';

describe('"What is cortex?" gets a good answer', () => {
  let up: Up;
  let client: OpenAI;

  beforeAll(async () => {
    up = await startUp();
    client = new OpenAI({ baseURL: `${up.api}/v1`, apiKey: 'none' });
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  test('over plain HTTP', async () => {
    const { choices, usage } = await askWhole(up.api);

    expect(choices[0]?.message.content).toMatch(GOOD_ANSWER);
    expect(choices[0]?.finish_reason).toBe('stop');
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
  });

  test('through the official SDK', async () => {
    const answer = await client.chat.completions.create({
      model: 'cortex-tiny',
      temperature: 0,
      messages: [{ role: 'user', content: QUESTION }],
    });

    expect(answer.choices[0]?.message.content).toMatch(GOOD_ANSWER);
  });

  test('through the official SDK, streamed, with usage on request', async () => {
    const stream = await client.chat.completions.create({
      model: 'cortex-tiny',
      temperature: 0,
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content: QUESTION }],
    });
    let text = '';
    let completionTokens = 0;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      completionTokens = chunk.usage?.completion_tokens ?? completionTokens;
    }

    expect(text).toMatch(GOOD_ANSWER);
    expect(completionTokens).toBeGreaterThan(0);
  });

  test('through the completions route of the SDK', async () => {
    const answer = await client.completions.create({
      model: 'cortex-tiny',
      prompt: 'What is',
      max_tokens: 4,
      temperature: 0,
    });

    expect(answer.choices[0]?.finish_reason).toMatch(/length|stop/);
    expect(answer.usage?.completion_tokens).toBeGreaterThan(0);
  });

  test('through cortex chat, which prints only the answer when its input is a pipe', async () => {
    const shell = new Program(['sh', '-c', `echo "${QUESTION}" | "$CORTEX" chat --url "$URL"`], {
      env: { CORTEX: CORTEX_BIN, URL: up.api },
    });

    const code = await shell.ended;

    expect(code).toBe(0);
    expect(shell.output.trim()).toMatch(GOOD_ANSWER);
    expect(shell.output).not.toMatch(/›| tokens · /);
  });
});
