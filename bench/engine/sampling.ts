/** Prints the milliseconds of one draw at temperature 0. Argument: model. */
import { openLibrary } from '../../packages/engine/src/llama/binding.ts';

const DRAWS = 120;
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
  contextTokens: 256,
  batchTokens: 32,
  threads: 1,
  kvType: 'f16',
  isBatchInvariant: true,
});
const sampler = model.createSampler({ temperature: 0, topP: 1, minP: 0, seed: 1 });
let ms = 0;
for (let position = 0; position < DRAWS; position++) {
  context.native.initBatch(1);
  const token = Uint32Array.of(100 + position);
  const [logits = 0] = context.native.addToBatch(0, position, token, Uint32Array.of(0));
  await context.native.decodeBatch();
  // Behind a decode, as in the engine: the weights have just gone through the caches.
  const startMs = performance.now();
  await context.native.sampleToken(logits, sampler);
  ms += (performance.now() - startMs) / DRAWS;
}
process.stdout.write(`${JSON.stringify({ ms })}\n`, () => process.exit(0));
