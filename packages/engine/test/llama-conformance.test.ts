import { writeModel } from '@cortex/testkit/gguf/pooled-models';
import { tinyLora } from '@cortex/testkit/gguf/tiny-lora';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { engineConformance, overTransports } from '../src/conformance/index.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { ENGINE_WORKER_PATH } from '../src/transport/spawn-engine.ts';
import { TINY_SPEC } from './llama-under-test.ts';

const LORA = writeModel(tinyLora(), temporaryFolder('lora'), 'tiny-lora.gguf');

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

for (const [transport, make] of overTransports(createLlamaEngine, {
  command: [process.execPath, ENGINE_WORKER_PATH],
})) {
  engineConformance(`llama, ${transport}`, make, {
    spec: { ...TINY_SPEC, contextLength: 512, slots: 4 },
    claims: [
      'chat',
      'completions',
      'tools',
      'reasoning',
      'tokenizer',
      'choices',
      'logprobs',
      'structured',
      'estimate',
      'prompt_cache',
      'state',
      'speculation',
      'lora',
    ],
    loraPath: LORA,
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
          // An answer that has begun to think: any model then thinks, however little it was trained.
          { role: 'assistant', content: '<think>\nThe' },
        ],
        chat_template_kwargs: { enable_thinking: true },
        temperature: 0,
        max_tokens: 40,
      },
    },
  });
}
