/** Twenty turns of a coding agent, as Claude Code sends them: a turn must not cost what the turns before it cost. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import Anthropic from '@anthropic-ai/sdk';
import type { GgufFile } from '@cortex/testkit/gguf/gguf-file';
import { changed, writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyQwen3Next } from '@cortex/testkit/gguf/tiny-experts';
import { tinyGemma } from '@cortex/testkit/gguf/tiny-gemma';
import { tinyJamba } from '@cortex/testkit/gguf/tiny-recurrent';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { ROOT, startUp, type Up, Workspace } from './start-up.ts';

const TURNS = 20;
/** Most tokens of a prompt that the engine computes in one step. */
const BATCH_TOKENS = 512;
/** Shorter than the prompt of any turn. */
const WINDOW_TOKENS = 256;

/** Models by what keeps their context: cells, a state beside cells, or cells that leave a window. */
const MODELS: Readonly<Record<string, ((tokenizer: GgufFile) => GgufFile) | undefined>> = {
  'cortex-tiny': undefined,
  'hybrid-jamba': tinyJamba,
  'hybrid-qwen3-next': (tokenizer) => tinyQwen3Next(tokenizer),
  'sliding-window': (tokenizer) => tinyGemma(tokenizer, WINDOW_TOKENS),
};

const TEMPLATE = 'tokenizer.chat_template';
const EPHEMERAL = { cache_control: { type: 'ephemeral' as const } };

const TOOLS: Anthropic.Tool[] = ['Bash', 'Read', 'Edit', 'Grep'].map((name) => ({
  name,
  description: `${name} works on the files of the project.`,
  input_schema: {
    type: 'object',
    properties: { path: { type: 'string' }, limit: { type: 'integer' } },
    required: ['path'],
  },
}));

const words = (topic: string, count: number): string =>
  Array.from({ length: count }, (_, index) => `${topic} ${index}`).join(', ');

/** The system prompt of turn `turn`. Its first line is another one in each request. */
const systemOf = (turn: number): Anthropic.TextBlockParam[] => [
  {
    type: 'text',
    text: `x-anthropic-billing-header: cc_version=2.1.332.b85; cc_entrypoint=cli; cch=${(0xab00 + turn).toString(16)};`,
  },
  { type: 'text', text: words('You follow rule', 120), ...EPHEMERAL },
];

/** The turn of the agent, and the result of its tool. */
const step = (turn: number): Anthropic.MessageParam[] => [
  {
    role: 'assistant',
    content: [
      { type: 'text', text: `I read file ${turn}.` },
      {
        type: 'tool_use',
        id: `toolu_${turn}`,
        name: 'Read',
        input: { path: `src/file-${turn}.ts`, limit: turn },
      },
    ],
  },
  {
    role: 'user',
    content: [
      { type: 'tool_result', tool_use_id: `toolu_${turn}`, content: words(`line of ${turn}`, 8) },
    ],
  },
];

/** The messages of turn `turn`, with the mark of the cache on the last one alone. */
function messagesOf(turn: number): Anthropic.MessageParam[] {
  const messages: Anthropic.MessageParam[] = [
    { role: 'user', content: [{ type: 'text', text: 'Find the bug in the gateway.' }] },
    { role: 'system', content: words('The project has file', 20) },
    ...Array.from({ length: turn }, (_, index) => step(index)).flat(),
  ];
  const last = messages.at(-1);
  if (last === undefined || typeof last.content === 'string') return messages;
  const content = last.content.map((block, index) =>
    index === last.content.length - 1 ? { ...block, ...EPHEMERAL } : block,
  );
  return [...messages.slice(0, -1), { role: last.role, content } as Anthropic.MessageParam];
}

describe('a session of twenty turns', () => {
  let up: Up;
  let anthropic: Anthropic;

  beforeAll(async () => {
    const workspace = new Workspace();
    const tokenizer = await readGguf(readFileSync(join(ROOT, 'models/cortex-tiny.gguf')));
    const template = tokenizer.metadata.get(TEMPLATE);
    if (template === undefined) throw new Error('cortex-tiny has no chat template');
    for (const [name, model] of Object.entries(MODELS)) {
      if (model === undefined) continue;
      const chatting = changed(model(tokenizer), { [TEMPLATE]: template });
      writeModel(chatting, workspace.modelsDir, `${name}.gguf`);
    }
    const models = Object.keys(MODELS).map(
      (id) => `[[models]]\nid = "${id}"\ncontext_length = 4096\nslots = 2\n`,
    );
    up = await startUp({ workspace, modelsToml: models.join('\n') });
    anthropic = new Anthropic({ baseURL: up.api, apiKey: 'none', maxRetries: 0 });
  });
  afterAll(async () => {
    await up[Symbol.asyncDispose]();
  });

  for (const model of Object.keys(MODELS)) {
    test(`computes at each turn its new tokens and at most one batch more (${model})`, async () => {
      let before = 0;
      const costs: { turn: number; fresh: number; computed: number }[] = [];
      for (let turn = 0; turn < TURNS; turn++) {
        const { usage } = await anthropic.beta.messages.create({
          model,
          max_tokens: 8,
          temperature: 0,
          system: systemOf(turn),
          tools: TOOLS,
          messages: messagesOf(turn),
        } as Anthropic.Beta.MessageCreateParamsNonStreaming);
        const prompt = usage.input_tokens + (usage.cache_read_input_tokens ?? 0);
        costs.push({ turn, fresh: prompt - before, computed: usage.input_tokens });
        before = prompt;
        // As the agent asks for a title: another conversation in between.
        if (turn % 5 === 0) {
          await anthropic.messages.create({
            model,
            max_tokens: 4,
            system: 'You write titles.',
            messages: [{ role: 'user', content: `Title for turn ${turn}?` }],
          });
        }
      }
      const tooDear = costs.filter(({ fresh, computed }) => computed > fresh + BATCH_TOKENS);
      expect(tooDear).toEqual([]);
      // Long enough that a prompt that is computed again would show.
      expect(before).toBeGreaterThan(4 * BATCH_TOKENS);
    });
  }
});
