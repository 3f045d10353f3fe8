import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import Ajv from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Engine } from '../src/engine/engine.ts';
import type { StepItem } from '../src/engine/generate.ts';
import { CORPUS } from './fixtures/template-corpus.ts';
import { type Answered, answer, loadTiny, TINY_MODEL } from './llama-under-test.ts';

const ajv = new Ajv({ strict: false });
const folder = temporaryFolder('templates');

/** cortex-tiny with the chat template of another model. The grammar makes it answer in the form of that model. */
async function loadAs(template: string): Promise<Engine> {
  const source = CORPUS.find(({ name }) => name === template)?.source ?? '';
  const file = await readGguf(readFileSync(TINY_MODEL));
  const chatTemplate = { type: 'string' as const, value: source };
  const metadata = new Map([...file.metadata, ['tokenizer.chat_template', chatTemplate] as const]);
  const modelPath = join(folder, `${template}.gguf`);
  writeFileSync(modelPath, writeGguf({ ...file, metadata }));
  return loadTiny({ modelPath, contextLength: 4096 });
}

const TRIP = {
  name: 'plan_trip',
  description: 'Plans a trip.',
  parameters: {
    type: 'object',
    properties: {
      city: { enum: ['Oslo', 'Sofia'] },
      days: { type: 'integer', minimum: 1, maximum: 30 },
      by: { type: 'string', maxLength: 6 },
      stops: { type: 'array', items: { enum: ['a', 'b'] }, maxItems: 2 },
    },
    required: ['city', 'days', 'by'],
    additionalProperties: false,
  },
};
const body = {
  // Without a system message some of these templates write long ones.
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Plan a trip.' },
  ],
  tools: [{ type: 'function', function: TRIP }],
  temperature: 1,
  max_tokens: 900,
};

interface Call {
  name: string;
  arguments: string;
  pieces: number;
}

function callsOf(items: readonly StepItem[]): Call[] {
  const calls: Call[] = [];
  for (const { tool } of items) {
    if (tool === undefined) continue;
    const call = (calls[tool.index] ??= { name: tool.name ?? '', arguments: '', pieces: 0 });
    call.arguments += tool.arguments ?? '';
    call.pieces++;
  }
  return calls;
}

describe.each([
  'Qwen3-Coder',
  'GLM-4.6',
  'openai-gpt-oss-120b',
  'meta-llama-Llama-3.2-3B-Instruct',
  'mistralai-Mistral-Nemo-Instruct-2407',
  'unsloth-mistral-Devstral-Small-2507',
  'deepseek-ai-DeepSeek-V3.1',
  'deepseek-ai-DeepSeek-R1-Distill-Qwen-32B',
  'google-gemma-4-31B-it',
  'Kimi-K2-Instruct',
  'LFM2.5-8B-A1B',
  'CohereForAI-c4ai-command-r7b-12-2024-tool_use',
  'MiniMax-M2',
  'deepseek-ai-DeepSeek-V3.2',
  'openbmb-MiniCPM5-1B',
  'Apertus-8B-Instruct',
  'GigaChat3.1-10B-A1.8B',
])('a model with the template of %s', (template) => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await loadAs(template);
  });
  afterAll(() => engine.close(0));

  test.each([
    ['', []],
    // This small model rarely ends its reasoning. A started answer leaves no room for reasoning.
    [', after the start of an answer in the request', [{ role: 'assistant', content: 'Sure.' }]],
  ])('streams the enforced tool call with valid arguments%s', async (_, begun) => {
    const tool_choice = { type: 'function', function: { name: TRIP.name } };
    const messages = [...body.messages, ...begun];
    const { items, text, last } = await answer(engine, { ...body, messages, tool_choice, seed: 3 });
    const [call, ...more] = callsOf(items);

    expect({ text, more }).toEqual({ text: '', more: [] });
    if (isStillThinking(last)) return;
    expect(last).toMatchObject({ type: 'done', finish: [{ reason: 'tool_calls' }] });
    expect(call?.name).toBe(TRIP.name);
    expect(call?.pieces).toBeGreaterThan(3);
    expect(ajv.validate(TRIP.parameters, JSON.parse(call?.arguments ?? ''))).toBe(true);
  });
});

test('a call that max_tokens cuts off is streamed up to there and ends with length', async () => {
  const engine = await loadAs('Qwen3-Coder');
  try {
    const { items, text, last } = await answer(engine, {
      ...body,
      tool_choice: 'required',
      max_tokens: 45,
    });
    const [call] = callsOf(items);

    expect(last).toMatchObject({ type: 'done', finish: [{ reason: 'length' }] });
    expect({ text, name: call?.name }).toEqual({ text: '', name: TRIP.name });
    expect(call?.arguments).toStartWith('{"city": ');
  } finally {
    await engine.close(0);
  }
});

/** Random reasoning may fill the whole answer. Every other early end is an error. */
const isStillThinking = (last: Answered['last']): boolean =>
  last.type === 'done' && last.finish[0]?.reason === 'length' && last.usage.reasoningTokens > 500;

test('a model with an unknown call format refuses tools by name', async () => {
  const engine = await loadAs('tencent-Hy3');
  try {
    const { last } = await answer(engine, body);

    expect(last).toMatchObject({ type: 'error', code: 'unsupported_parameter', param: 'tools' });
  } finally {
    await engine.close(0);
  }
});
