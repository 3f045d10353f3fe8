import { createScriptedEngine, SCRIPTED_WORKER_PATH } from '@cortex/testkit';

import { engineConformance, overTransports } from '../src/conformance/index.ts';

const chat = (content: string) => ({
  messages: [{ role: 'user', content }],
  temperature: 0,
});

const process_ = { command: [process.execPath, SCRIPTED_WORKER_PATH] } as const;

for (const [transport, make] of overTransports(createScriptedEngine, process_)) {
  engineConformance(`scripted, ${transport}`, make, {
    spec: {
      modelId: 'scripted',
      modelPath: SCRIPTED_WORKER_PATH,
      backend: 'cpu',
      contextLength: 512,
      slots: 4,
      gpuLayers: 0,
      kvType: 'f16',
      threads: 1,
      prefillChunkTokens: 64,
      promptCacheMib: 0,
      params: {},
      vocabOnly: false,
      lora: [],
    },
    claims: ['chat', 'completions', 'tools', 'reasoning', 'tokenizer'],
    toolCall: {
      name: 'get_weather',
      body: {
        ...chat('Use get_weather for Bonn.'),
        tools: [{ type: 'function', function: { name: 'get_weather' } }],
      },
    },
    reasoning: { body: { ...chat('Think.'), chat_template_kwargs: { enable_thinking: true } } },
  });
}
