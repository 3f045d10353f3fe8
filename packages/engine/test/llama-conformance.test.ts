import { fileURLToPath } from 'node:url';

import { engineConformance, overTransports } from '../src/conformance/index.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { ENGINE_WORKER_PATH } from '../src/transport/spawn-engine.ts';

const MODEL = fileURLToPath(new URL('../../../models/cortex-tiny.gguf', import.meta.url));

for (const [transport, make] of overTransports(createLlamaEngine, {
  command: [process.execPath, ENGINE_WORKER_PATH],
})) {
  engineConformance(`llama, ${transport}`, make, {
    spec: {
      modelId: 'cortex-tiny',
      modelPath: MODEL,
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
    },
    claims: ['chat', 'completions', 'tools', 'reasoning', 'tokenizer', 'choices', 'logprobs'],
  });
}
