/** A screenshot in the session of a coding agent whose model cannot read images. */
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';

import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import OpenAI from 'openai';

import { ROOT, startUp, type Up, Workspace } from './start-up.ts';

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const SCREENSHOT: Anthropic.ImageBlockParam = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: PNG },
};
const LIMITS = 'context_length = 1024\nslots = 2\n';

/** A session in which a tool takes a screenshot, and the user sends another. */
const SESSION: readonly Anthropic.MessageParam[] = [
  { role: 'user', content: 'Why is the page empty?' },
  {
    role: 'assistant',
    content: [{ type: 'tool_use', id: 'toolu_1', name: 'screenshot', input: {} }],
  },
  {
    role: 'user',
    content: [
      { type: 'tool_result', tool_use_id: 'toolu_1', content: [SCREENSHOT] },
      { type: 'text', text: 'And here is mine:' },
      SCREENSHOT,
    ],
  },
];

describe('a screenshot', () => {
  let up: Up;
  let anthropic: Anthropic;
  let openai: OpenAI;

  beforeAll(async () => {
    const workspace = new Workspace();
    for (const id of ['noting', 'strict'])
      copyFileSync(join(ROOT, 'models/cortex-tiny.gguf'), join(workspace.modelsDir, `${id}.gguf`));
    const modelsToml =
      `[[models]]\nid = "noting"\non_image = "placeholder"\n${LIMITS}` +
      `\n[[models]]\nid = "strict"\n${LIMITS}`;
    up = await startUp({ workspace, modelsToml });
    anthropic = new Anthropic({ baseURL: up.api, apiKey: 'none', maxRetries: 0 });
    openai = new OpenAI({ baseURL: `${up.api}/v1`, apiKey: 'none', maxRetries: 0 });
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  const create = (model: string, messages: readonly Anthropic.MessageParam[]) =>
    anthropic.messages.create({ model, max_tokens: 8, messages: [...messages] });

  test('does not end a session, whose later turns find the earlier ones in the cache', async () => {
    const first = await create('noting', SESSION);
    const later = [...SESSION, { role: first.role, content: first.content }];
    const second = await create('noting', [...later, { role: 'user', content: 'Go on.' }]);

    const prompt = first.usage.input_tokens + (first.usage.cache_read_input_tokens ?? 0);
    expect(second.usage.cache_read_input_tokens).toBeGreaterThanOrEqual(prompt - 1);
  });

  test('is counted as the note that the model reads', async () => {
    const messages = [...SESSION];
    const { usage } = await create('noting', messages);
    const counted = await anthropic.messages.countTokens({ model: 'noting', messages });

    expect(counted.input_tokens).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
  });

  test('is refused by a model without the setting', async () => {
    const refusal = await create('strict', SESSION).catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(Anthropic.BadRequestError);
    expect(String(refusal)).toContain('cannot read images');
  });

  test('reaches a model of a client of OpenAI in the same way', async () => {
    const url = `data:image/png;base64,${PNG}`;
    const { choices } = await openai.chat.completions.create({
      model: 'noting',
      max_tokens: 8,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is cortex?' },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
    });

    expect(choices[0]?.message.content).toMatch(/\w/);
  });
});
