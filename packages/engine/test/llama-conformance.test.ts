import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { u32 } from '@cortex/testkit/gguf/gguf-file';
import { writeModel } from '@cortex/testkit/gguf/pooled-models';
import { readGguf } from '@cortex/testkit/gguf/read-gguf';
import { tinyLora } from '@cortex/testkit/gguf/tiny-lora';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { expect, test } from 'bun:test';

import { CAPABILITIES, engineConformance, overTransports } from '../src/conformance/index.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { ENGINE_WORKER_PATH } from '../src/engine-files.ts';
import { LLAMA_CLAIMS } from './fixtures/llama-claims.ts';
import { TINY_SPEC } from './llama-under-test.ts';

const folder = temporaryFolder('lora');
const limits = { contextLength: 512, slots: 4 };

/** cortex-tiny with three of its control tokens declared as the tokens of a gap. */
async function writeInserting(): Promise<string> {
  const { metadata, tensors } = await readGguf(readFileSync(TINY_SPEC.modelPath));
  const tokens = { fim_pre: 5, fim_suf: 6, fim_mid: 7 };
  const ids = Object.entries(tokens).map(
    ([name, id]) => [`tokenizer.ggml.${name}_token_id`, u32(id)] as const,
  );
  const file = { metadata: new Map([...metadata, ...ids]), tensors };
  return writeModel(file, folder, 'tiny-inserting.gguf');
}
const spec = { ...TINY_SPEC, ...limits, modelPath: await writeInserting() };

const REAL_FILE = 'SmolLM2-135M-Instruct.Q4_1.gguf';
const realModel = join(process.env['CORTEX_TEST_MODELS'] ?? '', REAL_FILE);
const SMOL_LORA_TARGET = { architecture: 'llama', layers: 30, width: 576, attentionWidth: 576 };

const GET_WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { enum: ['Sofia', 'Oslo'] } },
      required: ['city'],
      additionalProperties: false,
    },
  },
};

test('the llama engine reports every capability for at least one model', () => {
  expect(new Set<string>(Object.values(LLAMA_CLAIMS).flat())).toEqual(new Set(CAPABILITIES));
});

for (const [transport, make] of overTransports(createLlamaEngine, {
  command: [process.execPath, ENGINE_WORKER_PATH],
})) {
  engineConformance(`llama, ${transport}`, make, {
    spec,
    claims: [...LLAMA_CLAIMS.writes, ...LLAMA_CLAIMS.callsAndReasons, ...LLAMA_CLAIMS.inserts],
    loraPath: writeModel(tinyLora(), folder, 'tiny-lora.gguf'),
    toolCall: {
      name: 'get_weather',
      body: {
        messages: [{ role: 'user', content: 'What is the weather in Sofia?' }],
        temperature: 0,
        tools: [GET_WEATHER],
        tool_choice: 'required',
        parallel_tool_calls: false,
      },
    },
    reasoning: {
      body: {
        messages: [
          { role: 'user', content: 'What is cortex?' },
          // A prefilled answer that starts reasoning, so that even a barely trained model reasons.
          { role: 'assistant', content: '<think>\nThe' },
        ],
        chat_template_kwargs: { enable_thinking: true },
        temperature: 0,
        max_tokens: 40,
      },
    },
  });
}

if (existsSync(realModel)) {
  engineConformance(`llama, ${REAL_FILE}`, async () => createLlamaEngine(), {
    spec: { ...spec, modelId: 'smollm2', modelPath: realModel },
    claims: LLAMA_CLAIMS.writes,
    // Conversations that fill its context take most of a minute on a busy machine.
    timeoutMs: 300_000,
    batchText: 'close',
    loraPath: writeModel(tinyLora(SMOL_LORA_TARGET), folder, 'smol-lora.gguf'),
  });
} else {
  test.skip(`engine conformance: llama, ${REAL_FILE} (needs CORTEX_TEST_MODELS)`, () => undefined);
}
