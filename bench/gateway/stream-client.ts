/**
 * The streaming load, in a separate process. Usage: stream-client.ts '<json of StreamLoad>'; prints the result of its
 * mode as one line, after `open` in mode `hold` (which ends when its stdin closes).
 */
import { z } from 'zod';

const StreamLoad = z.strictObject({
  url: z.string(),
  api: z.enum(['openai', 'anthropic']),
  mode: z.enum(['run', 'hold', 'first_byte', 'first_content']),
  streams: z.int(),
  tokens: z.int(),
  everyMs: z.int(),
  /** Requests whose first content is timed while the streams run. */
  probes: z.int().default(0),
});

const load = StreamLoad.parse(JSON.parse(process.argv[2] ?? '{}'));

/** How each API is asked, and the last bytes of its streams. */
const APIS = {
  openai: { path: '/v1/chat/completions', end: 'data: [DONE]\n\n' },
  anthropic: { path: '/v1/messages', end: 'data: {"type":"message_stop"}\n\n' },
} as const;
const { path, end } = APIS[load.api];

/** What the upstream answers with for each token; no other event contains it. */
const TOKEN = '" token"';

interface Asked {
  readonly tokens: number;
  readonly everyMs: number;
  readonly signal?: AbortSignal;
}

/** A body that is valid in both APIs. The upstream reads the length and pace of its answer in the prompt. */
const bodyOf = ({ tokens, everyMs }: Asked): string =>
  JSON.stringify({
    model: 'bench-3',
    stream: true,
    max_tokens: 1_000_000,
    messages: [
      {
        role: 'user',
        content: `bench tokens=${tokens} every_ms=${everyMs} ${'x'.repeat(1500)}`,
      },
    ],
  });

async function open(asked: Asked = load): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(load.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: bodyOf(asked),
    timeout: false,
    ...(asked.signal && { signal: asked.signal }),
  });
  if (response.status !== 200 || response.body === null)
    throw new Error(`status ${response.status}: ${await response.text()}`);
  return response.body;
}

/** Reads a stream to its end. `reads` shows whether chunks arrived one by one. */
async function drain(): Promise<{ reads: number; tail: string }> {
  let reads = 0;
  let tail = '';
  const decoder = new TextDecoder();
  for await (const chunk of await open()) {
    reads += 1;
    tail = (tail + decoder.decode(chunk.subarray(-64))).slice(-64);
  }
  return { reads, tail };
}

async function run() {
  const done = await Promise.all(Array.from({ length: load.streams }, drain));
  const incomplete = done.filter(({ tail }) => !tail.endsWith(end)).length;
  return {
    streams: load.streams,
    chunks: load.streams * load.tokens,
    reads: done.reduce((sum, { reads }) => sum + reads, 0),
    incomplete,
  };
}

/** Streams that are read until `stop`. */
function background(onAllOpen: () => void) {
  const controller = new AbortController();
  let opened = 0;
  const all = Array.from({ length: load.streams }, async () => {
    let isFirst = true;
    for await (const chunk of await open({ ...load, signal: controller.signal })) {
      if (!isFirst || chunk.length === 0) continue;
      isFirst = false;
      opened += 1;
      if (opened === load.streams) onAllOpen();
    }
  });
  const settled = Promise.allSettled(all);
  const failed = Promise.all(all).then(() => new Promise<never>(() => undefined));
  failed.catch(() => undefined);
  return {
    /** Rejects when one of them fails. */
    failed,
    opened: () => opened,
    stop: async () => {
      controller.abort();
      await settled;
    },
  };
}

async function hold() {
  const streams = background(() => console.log('open'));
  for await (const _ of Bun.stdin.stream()) {
    // Only the end of stdin matters.
  }
  await streams.stop();
  return { streams: load.streams, opened: streams.opened() };
}

/** Milliseconds to the first byte of the body, one request after the other. */
async function firstByte() {
  const samplesMs: number[] = [];
  for (let index = 0; index < load.streams; index += 1) {
    const startMs = performance.now();
    let firstMs: number | undefined;
    for await (const chunk of await open()) if (chunk.length > 0) firstMs ??= performance.now();
    samplesMs.push((firstMs ?? performance.now()) - startMs);
  }
  return { samplesMs };
}

/**
 * Milliseconds to the first token of one more stream, which the upstream sends at once: an interval would round the times
 * of all contenders up to ticks of its timer. The other events are read too, so that the stream ends.
 */
async function timeOfFirstToken(): Promise<number> {
  const startMs = performance.now();
  const decoder = new TextDecoder();
  let text = '';
  let firstMs: number | undefined;
  for await (const chunk of await open({ tokens: 1, everyMs: 0 })) {
    if (firstMs !== undefined) continue;
    text += decoder.decode(chunk, { stream: true });
    if (text.includes(TOKEN)) firstMs = performance.now();
  }
  if (firstMs === undefined) throw new Error(`a stream had no token:\n${text}`);
  return firstMs - startMs;
}

/** Milliseconds to the first content, one request after the other, while the streams run. */
async function firstContent() {
  const allOpen = Promise.withResolvers<void>();
  const streams = background(allOpen.resolve);
  // One that cannot be opened ends the measurement instead of holding it up.
  await Promise.race([allOpen.promise, streams.failed]);
  const samplesMs: number[] = [];
  for (let index = 0; index < load.probes; index += 1) samplesMs.push(await timeOfFirstToken());
  await streams.stop();
  return { samplesMs };
}

const modes = { run, hold, first_byte: firstByte, first_content: firstContent };
console.log(JSON.stringify(await modes[load.mode]()));
