/**
 * Prints the milliseconds of one sample and of eight in parallel, at temperature 0 and at the API's default. Argument:
 * model.
 */
import { openLibrary } from '../../packages/engine/src/llama/binding.ts';
import { Sampler } from '../../packages/engine/src/llama/sampler.ts';
import { median } from '../statistics.ts';

const ROUNDS = 60;
const STREAMS = 8;
const [path = ''] = process.argv.slice(2);
const library = await openLibrary({ backend: 'cpu', threads: 1, log: () => undefined });
const signal = new AbortController().signal;
const model = await library.loadModel({
  path,
  gpuLayers: 0,
  vocabOnly: false,
  loadMode: 'read',
  signal,
  onProgress: () => undefined,
});
const context = await model.createContext({
  slots: STREAMS,
  contextTokens: 256,
  batchTokens: 32,
  threads: 1,
  kvType: 'f16',
  isBatchInvariant: false,
});
const sampler = new Sampler(model, context.native);
let position = 0;

/**
 * Milliseconds to sample the first `streams` rows directly after a decode, which has filled the CPU caches with
 * weights.
 */
async function timed(temperature: number, streams: number): Promise<number> {
  const chains = Array.from({ length: streams }, (_, seed) =>
    sampler.createSampler({ temperature, topP: 1, minP: 0, seed }),
  );
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    context.native.initBatch(STREAMS);
    const rows = Array.from({ length: STREAMS }, (_, slot) => {
      const token = Uint32Array.of(300 + slot + round);
      return context.native.addToBatch(slot, position, token, Uint32Array.of(0))[0] ?? 0;
    });
    position++;
    await context.native.decodeBatch();
    const startMs = performance.now();
    await Promise.all(chains.map((chain, index) => sampler.sample(rows[index] ?? 0, chain)));
    times.push(performance.now() - startMs);
  }
  return median(times);
}

const result = {
  temperature_0: { one: await timed(0, 1), eight: await timed(0, STREAMS) },
  default_sampling: { one: await timed(1, 1), eight: await timed(1, STREAMS) },
};
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
