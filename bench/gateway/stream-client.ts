/**
 * The streaming load, in a separate process. Usage: stream-client.ts '<json of StreamLoad>'; prints a
 * `StreamReport` as one line, after `open` in mode `hold` (which ends when its stdin closes).
 */
import { z } from 'zod';

const StreamLoad = z.strictObject({
  url: z.string(),
  mode: z.enum(['run', 'hold', 'first_byte']),
  streams: z.int(),
  tokens: z.int(),
  everyMs: z.int(),
});

const load = StreamLoad.parse(JSON.parse(process.argv[2] ?? '{}'));

const bodyOf = (tokens: number): string =>
  JSON.stringify({
    model: 'bench-3',
    stream: true,
    messages: [{ role: 'user', content: 'x'.repeat(1500) }],
    bench: { tokens, every_ms: load.everyMs },
  });

function open(signal?: AbortSignal): Promise<Response> {
  return fetch(`${load.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: bodyOf(load.tokens),
    timeout: false,
    ...(signal && { signal }),
  });
}

/** Reads a stream to its end. `reads` shows whether chunks arrived one by one. */
async function drain(response: Response): Promise<{ reads: number; bytes: number; tail: string }> {
  let reads = 0;
  let bytes = 0;
  let tail = '';
  const decoder = new TextDecoder();
  if (response.status !== 200 || response.body === null)
    throw new Error(`status ${response.status}: ${await response.text()}`);
  for await (const chunk of response.body) {
    reads += 1;
    bytes += chunk.length;
    tail = decoder.decode(chunk.subarray(-64));
  }
  return { reads, bytes, tail };
}

async function run() {
  const done = await Promise.all(
    Array.from({ length: load.streams }, async () => drain(await open())),
  );
  const incomplete = done.filter(({ tail }) => !tail.endsWith('data: [DONE]\n\n')).length;
  return {
    streams: load.streams,
    chunks: load.streams * load.tokens,
    reads: done.reduce((sum, { reads }) => sum + reads, 0),
    incomplete,
  };
}

async function hold() {
  const controller = new AbortController();
  let firsts = 0;
  const all = Array.from({ length: load.streams }, async () => {
    const response = await open(controller.signal);
    if (response.body === null) throw new Error('the response has no body');
    let isFirst = true;
    for await (const chunk of response.body) {
      if (isFirst && chunk.length > 0) firsts += 1;
      if (isFirst && firsts === load.streams) console.log('open');
      isFirst = false;
    }
  });
  const settled = Promise.allSettled(all);
  for await (const _ of Bun.stdin.stream()) {
    // Only the end of stdin matters.
  }
  controller.abort();
  await settled;
  return { streams: load.streams, opened: firsts };
}

/** Milliseconds to the first byte of the body, one request after the other. */
async function firstByte() {
  const samplesMs: number[] = [];
  for (let index = 0; index < load.streams; index += 1) {
    const startMs = performance.now();
    const response = await open();
    let firstMs: number | undefined;
    if (response.body === null) throw new Error('the response has no body');
    for await (const chunk of response.body) if (chunk.length > 0) firstMs ??= performance.now();
    samplesMs.push((firstMs ?? performance.now()) - startMs);
  }
  return { samplesMs };
}

const modes = { run, hold, first_byte: firstByte };
console.log(JSON.stringify(await modes[load.mode]()));
