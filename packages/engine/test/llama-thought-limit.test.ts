/** Bounded reasoning, for families that write it in different ways: at the limit the answer starts. */
import { llamaSources } from '@cortex/testkit';
import { scriptedModel } from '@cortex/testkit/gguf/scripted-model';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Engine } from '../src/engine/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const THOUGHTS = Array.from({ length: 40 }, (_, i) => ` thought${i}`);

/** 40 tokens of reasoning and an answer, as each family writes them. */
const SCRIPTS = {
  'Qwen-Qwen3-0.6B': ['<think>', ...THOUGHTS, '</think>', '\n\n', 'The', ' answer.'],
  'google-gemma-4-31B-it': `<|channel>thought\n${THOUGHTS.join('')}<channel|>The answer.`,
  'openai-gpt-oss-120b': `<|channel|>analysis<|message|>${THOUGHTS.join('')}<|end|><|start|>assistant<|channel|>final<|message|>The answer.`,
} as const;

const CONTROLS = {
  'Qwen-Qwen3-0.6B': ['<think>', '</think>'],
  'google-gemma-4-31B-it': ['<|channel>', '<channel|>'],
  'openai-gpt-oss-120b': [
    '<|channel|>',
    '<|message|>',
    '<|end|>',
    '<|start|>',
    '<|return|>',
    '<|call|>',
  ],
} as const;

describe.each(Object.keys(SCRIPTS) as (keyof typeof SCRIPTS)[])('a model like %s', (name) => {
  const load = async (): Promise<Engine> => {
    const path = join(llamaSources(), 'models/templates', `${name}.jinja`);
    const file = join(temporaryFolder('thought-limit'), 'scripted.gguf');
    const scripts = { 0: SCRIPTS[name] };
    const template = readFileSync(path, 'utf8');
    writeFileSync(file, writeGguf(scriptedModel({ template, scripts, controls: CONTROLS[name] })));
    return loadTiny({ modelPath: file });
  };

  test('reasons without a limit if none is set, and no longer than a limit', async () => {
    const engine = await load();
    const ask = (more: object) =>
      answer(engine, { messages: [{ role: 'user', content: 'Why?' }], temperature: 0, ...more });
    const free = await ask({});
    const bounded = await ask({ thinking_budget_tokens: 6 });
    const stats = await engine.stats();
    await engine.close(0);

    expect(thoughtsOf(free)).toContain('thought39');
    expect(thoughtsOf(bounded)).toContain('thought');
    expect(thoughtsOf(bounded)).not.toContain('thought9');
    for (const { text, last } of [free, bounded]) {
      expect(text).toBe('The answer.');
      expect(last).toMatchObject({ finish: [{ reason: 'stop' }] });
    }
    expect(stats.busySlots).toBe(0);
  });
});

const thoughtsOf = ({ items }: Awaited<ReturnType<typeof answer>>): string =>
  items.map((item) => item.reasoning ?? '').join('');
