/**
 * Checks that llama.cpp renders and tokenises dialogues exactly as the training did.
 * python3 dump_dialogues.py > build/dialogues.jsonl && bun check-tokens.ts
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { getLlama } from 'node-llama-cpp';

interface Dialogue {
  messages: { role: string; reasoning_content?: string }[];
  tools: unknown[];
  text: string;
  ids: number[];
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1 });
const model = await llama.loadModel({ modelPath: path('../../models/cortex-tiny.gguf'), vocabOnly: true });
// @ts-expect-error the renderer is not in the library's public types
const renderer = new llama._bindings.AddonJinjaRenderer(model.fileInfo.metadata.tokenizer.chat_template);
const dialogues = readFileSync(path('build/dialogues.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Dialogue);

let failures = 0;
function report(kind: string, wanted: string, got: string): void {
  failures += 1;
  if (failures <= 5) console.error(`${kind}\nwanted: ${wanted}\ngot:    ${got}\n`);
}

for (const { messages, tools, text, ids } of dialogues) {
  const rendered: string = renderer.render({
    messages,
    ...(tools.length > 0 ? { tools } : {}),
    add_generation_prompt: false,
    bos_token: '<|endoftext|>',
    eos_token: '<|im_end|>',
  });
  if (rendered !== text) report('rendering differs', text, rendered);
  const tokens: number[] = [...model.tokenize(text, true)];
  const at = tokens.findIndex((token, index) => token !== ids[index]);
  if (at >= 0 || tokens.length !== ids.length) {
    const show = (some: readonly number[]) => JSON.stringify(some.slice(Math.max(0, at - 3), at + 5).map((id) => model.detokenize([id as never], true)));
    report(`tokens differ at ${at} in ${text}`, show(ids), show(tokens));
  }
}
console.log(`${dialogues.length} dialogues, ${failures} differences`);
process.exit(failures === 0 ? 0 : 1);
