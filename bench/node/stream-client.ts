/**
 * Keeps streams of a model running: `stream-client.ts '{"url","model","streams"}'`. A stream that ends is replaced.
 *
 * For each line on standard input it prints the number of reads and the longest pause between two reads since the
 * line before, and ends with its standard input.
 */
interface Job {
  readonly url: string;
  readonly model: string;
  readonly streams: number;
}

// The benchmark writes this argument itself.
const job: Job = JSON.parse(process.argv[2] ?? '{}');
let reads = 0;
let longestMs = 0;
const leaving = new AbortController();

async function readOne(): Promise<void> {
  const response = await fetch(`${job.url}/v1/chat/completions`, {
    method: 'POST',
    signal: leaving.signal,
    body: JSON.stringify({
      model: job.model,
      stream: true,
      ignore_eos: true,
      messages: [{ role: 'user', content: `Tell me about node ${Math.random()}.` }],
    }),
  });
  if (response.body === null || response.status !== 200)
    throw new Error(`${response.status} ${await response.text()}`);
  let lastMs: number | undefined;
  for await (const _ of response.body) {
    const nowMs = performance.now();
    if (lastMs !== undefined) longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
    reads += 1;
  }
}

async function keepOneRunning(): Promise<void> {
  while (!leaving.signal.aborted) await readOne();
}

const running = Promise.all(Array.from({ length: job.streams }, keepOneRunning)).catch(
  (error: unknown) => {
    if (leaving.signal.aborted) return;
    console.error(error);
    process.exit(1);
  },
);
for await (const _ of console) {
  process.stdout.write(`${JSON.stringify({ reads, longestMs })}\n`);
  reads = 0;
  longestMs = 0;
}
leaving.abort();
await running;
process.exit(0);
