/**
 * The library's own scheduler (`LlamaContext`), for comparison: prints the tokens per second of all `streams`.
 *
 * Arguments: model, threads, streams, prompt tokens, generated tokens.
 */
import { getLlama, type Token } from 'node-llama-cpp';

const [model = '', ...numbers] = process.argv.slice(2);
const [threads = 1, streams = 1, promptTokens = 128, generatedTokens = 128] = numbers.map(Number);

const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads });
const loaded = await llama.loadModel({ modelPath: model, gpuLayers: 0 });
const context = await loaded.createContext({
  sequences: streams,
  contextSize: promptTokens + generatedTokens + 16,
  batchSize: 512,
  threads,
  failedCreationRemedy: false,
});

let ready = 0;
let fromMs = 0;
let tokens = 0;

async function generate(): Promise<void> {
  const sequence = context.getSequence();
  const prompt = Array.from(
    { length: promptTokens },
    () => (100 + Math.floor(Math.random() * 900)) as Token,
  );
  let count = 0;
  for await (const _ of sequence.evaluate(prompt, { temperature: 0, yieldEogToken: true })) {
    if (count++ === 0 && ++ready === streams) fromMs = performance.now();
    else if (ready === streams) tokens++;
    if (count >= generatedTokens) return;
  }
}

await Promise.all(Array.from({ length: streams }, generate));
process.stdout.write(
  `${JSON.stringify({ tokS: (tokens / (performance.now() - fromMs)) * 1000 })}\n`,
  () => process.exit(0),
);
