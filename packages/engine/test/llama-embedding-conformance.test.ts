import { engineConformance, overTransports } from '../src/conformance/index.ts';
import { createLlamaEngine } from '../src/llama/llama-engine.ts';
import { ENGINE_WORKER_PATH } from '../src/engine-files.ts';
import { LLAMA_CLAIMS } from './fixtures/llama-claims.ts';
import { pooledModel, POOLED_SPEC } from './pooled-under-test.ts';

/** Lower case with a space before each word, as WordPiece preserves a text. */
const WORD_PIECES = { text: 'The old lighthouse', back: ' the old lighthouse' };

for (const [transport, make] of overTransports(createLlamaEngine, {
  command: [process.execPath, ENGINE_WORKER_PATH],
})) {
  engineConformance(`llama embedding, ${transport}`, make, {
    spec: { ...POOLED_SPEC, modelPath: pooledModel('embedding') },
    claims: LLAMA_CLAIMS.embeds,
    roundTrip: WORD_PIECES,
  });
  engineConformance(`llama reranker, ${transport}`, make, {
    spec: { ...POOLED_SPEC, modelPath: pooledModel('rank') },
    claims: LLAMA_CLAIMS.ranks,
    roundTrip: WORD_PIECES,
  });
}

const directly = () => Promise.resolve(createLlamaEngine());

engineConformance('llama embedding, causal and cut into parts', directly, {
  spec: { ...POOLED_SPEC, modelPath: pooledModel('qwenEmbedding') },
  claims: LLAMA_CLAIMS.embeds,
  cutsVectors: true,
});
engineConformance('llama reranker, causal with a template', directly, {
  spec: { ...POOLED_SPEC, modelPath: pooledModel('qwenRank') },
  claims: LLAMA_CLAIMS.ranks,
});
