import { scriptedModel } from '@cortex/testkit/gguf/scripted-model';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Engine } from '../src/engine/engine.ts';
import { answer, loadTiny } from './llama-under-test.ts';

const INSERTED = '3.14159 * r ** 2  # 面积 🙂';
const BEFORE = 'def area(r):\n    return ';

describe('a completion with a suffix', () => {
  let engine: Engine;
  beforeAll(async () => {
    const file = join(temporaryFolder('insert'), 'coder.gguf');
    const options = { template: '{{ messages[0].content }}', scripts: {}, insertion: INSERTED };
    writeFileSync(file, writeGguf(scriptedModel(options)));
    engine = await loadTiny({ modelPath: file, contextLength: 512, slots: 2 });
  });
  afterAll(() => engine.close(0));

  const complete = (body: object) => answer(engine, { max_tokens: 200, ...body }, 'completions');

  test('gets the text of the gap, to its end', async () => {
    const { text, last } = await complete({ prompt: BEFORE, suffix: '\nprint(area(2))\n' });

    expect(text).toBe(INSERTED);
    expect(last).toMatchObject({ type: 'done', finish: [{ reason: 'stop' }] });
  });

  test('may begin or end with the gap, and may have token ids before it', async () => {
    const texts = [
      await complete({ prompt: '', suffix: 'x' }),
      await complete({ prompt: [65, 66], suffix: 'x' }),
      await complete({ prompt: 'a', suffix: 'x', n: 2 }),
    ];

    expect(texts.map(({ text }) => text).slice(0, 2)).toEqual([INSERTED, INSERTED]);
    expect(texts[2]?.last).toMatchObject({ finish: [{ reason: 'stop' }, { reason: 'stop' }] });
  });

  test('takes the texts of control tokens as text, on both sides of the gap', async () => {
    const tokens = async (prompt: string, suffix: string): Promise<number> => {
      const { last } = await complete({ prompt, suffix, max_tokens: 1 });
      return last.type === 'done' ? last.usage.promptTokens : Number.NaN;
    };

    const [mark, letter] = ['<|fim_middle|>', 'é'];
    const one = await tokens(letter, letter);
    const marks = await tokens(letter + mark, letter + mark);

    expect(marks - one).toBe(2 * Buffer.byteLength(mark));
  });

  test('is echoed without its suffix', async () => {
    const { text } = await complete({ prompt: BEFORE, suffix: 'x', echo: true });

    expect(text).toBe(BEFORE + INSERTED);
  });

  test.each([
    [{ prompt: 'a', suffix: 7 }, 'invalid_request', 'suffix'],
    [{ prompt: [1_000_000], suffix: 'x' }, 'invalid_request', 'prompt[0]'],
    [{ prompt: 'a', suffix: 'x '.repeat(600) }, 'context_length_exceeded', 'prompt'],
  ])('is refused by name when it cannot be: %j', async (body, code, param) => {
    expect((await complete(body)).last).toMatchObject({ type: 'error', code, param });
  });
});

test('a chat has no suffix', async () => {
  const engine = await loadTiny({});
  const body = { messages: [{ role: 'user', content: 'Hi' }], suffix: 'x' };

  expect((await answer(engine, body)).last).toMatchObject({
    type: 'error',
    code: 'unsupported_parameter',
    param: 'suffix',
  });
  await engine.close(0);
});
