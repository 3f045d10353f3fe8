import { scriptedModel } from '@cortex/testkit/gguf/scripted-model';
import { writeGguf } from '@cortex/testkit/gguf/write-gguf';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { answer, loadTiny } from './llama-under-test.ts';

const CHATML =
  '{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}';

test('a scripted model generates exactly the script that the request names', async () => {
  const scripts = {
    0: 'To be, or not to be, to be or not to be:\n\n\taaaaaaaaaaaaaaaa 你好 🙂 {"a": {"a": {"a": 1}}}',
    pieces: ['<think>', 'Hm', Uint8Array.of(0xe4), Uint8Array.of(0xbd, 0xa0), '</think>', '.'],
  };
  const file = join(temporaryFolder('scripted-model'), 'scripted.gguf');
  const controls = ['<|im_start|>', '<|im_end|>'];
  writeFileSync(file, writeGguf(scriptedModel({ template: CHATML, scripts, controls })));
  const engine = await loadTiny({ modelPath: file });
  const write = async (variables: object) =>
    answer(engine, {
      messages: [{ role: 'user', content: 'To  be?' }],
      chat_template_kwargs: variables,
    });

  const first = await write({});
  const pieces = await write({ script: 'pieces' });

  expect(first.text).toBe(scripts[0]);
  expect(pieces.text).toBe('<think>Hm你</think>.');
  expect(pieces.last).toMatchObject({
    finish: [{ reason: 'stop' }],
    usage: { completionTokens: 6 },
  });
  await engine.close(0);
});
