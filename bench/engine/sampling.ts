/** Prints the milliseconds of one draw at temperature 0. Argument: model. */
import { openLibrary } from '../../packages/engine/src/llama/binding.ts';

const DRAWS = 400;
const [path = ''] = process.argv.slice(2);
const library = await openLibrary({ backend: 'cpu', threads: 1, log: () => undefined });
const signal = new AbortController().signal;
const model = await library.loadModel({
  path,
  gpuLayers: 0,
  vocabOnly: false,
  signal,
  onProgress: () => undefined,
});
const context = await model.createContext({
  slots: 1,
  contextTokens: 64,
  batchTokens: 32,
  threads: 1,
  kvType: 'f16',
});
context.native.initBatch(1);
const [logits = 0] = context.native.addToBatch(0, 0, Uint32Array.of(100), Uint32Array.of(0));
await context.native.decodeBatch();
const sampler = model.createSampler({ temperature: 0, topK: 0, topP: 1, minP: 0, seed: 1 });
const startMs = performance.now();
for (let i = 0; i < DRAWS; i++) await context.native.sampleToken(logits, sampler);
const ms = (performance.now() - startMs) / DRAWS;
process.stdout.write(`${JSON.stringify({ ms })}\n`, () => process.exit(0));
