/**
 * The scripted upstream of the benchmark: it behaves as a valid neuron towards a gateway, with ten loaded models
 * and an answer that takes almost no time to generate. Usage: upstream.ts READY_FILE
 */
import { formatUsageComment, SSE_DONE } from '@cortex/protocol';
import { streamResponse, writeReadyFile } from '@cortex/service';

const MODEL_COUNT = 10;
const ANSWER_BYTES = 1024;
const SLOTS = 4096;
const TICK_MS = 1;

const USAGE = {
  prompt_tokens: 500,
  completion_tokens: 200,
  cached_tokens: 0,
  reasoning_tokens: 0,
  queue_ms: 0,
  prompt_ms: 1,
  first_token_ms: 1,
  decode_ms: 100,
  estimated: false,
};

const modelIds = Array.from({ length: MODEL_COUNT }, (_, index) => `bench-${index}`);

/** An answer of exactly `ANSWER_BYTES`. */
const wholeAnswer = (): string => answerWith('x'.repeat(ANSWER_BYTES - answerWith('').length));

const answerWith = (content: string): string =>
  JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: 'bench-0',
    choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 500, completion_tokens: 200, total_tokens: 700 },
  });

const chunkOf = (delta: object, finish: string | null): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'bench-0',
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`;

const ROLE_CHUNK = chunkOf({ role: 'assistant', content: '' }, null);
const TOKEN_CHUNK = chunkOf({ content: ' token' }, null);
const END_CHUNKS = chunkOf({}, 'stop') + formatUsageComment(USAGE) + SSE_DONE;
const ANSWER = wholeAnswer();

const ANSWER_HEADERS = {
  'content-type': 'application/json',
  'x-neuron-usage': JSON.stringify(USAGE),
  'x-neuron-prompt-tokens': '500',
};
const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-neuron-prompt-tokens': '500',
};

/** Streams that wait for the time of their next token. */
const waiting = new Set<{ readonly dueMs: number; readonly wake: () => void }>();

/** One timer for all streams, because one per stream would dominate the measured load. */
setInterval(() => {
  const nowMs = performance.now();
  for (const waiter of waiting) {
    if (waiter.dueMs > nowMs) continue;
    waiting.delete(waiter);
    waiter.wake();
  }
}, TICK_MS);

const until = (dueMs: number): Promise<void> =>
  new Promise((wake) => {
    waiting.add({ dueMs, wake });
  });

async function* tokens(count: number, everyMs: number): AsyncGenerator<string, void> {
  yield ROLE_CHUNK;
  // Streams start at random times, as real ones do, so that a gateway does not receive 64 chunks at once.
  let dueMs = performance.now() + Math.random() * everyMs;
  for (let sent = 0; sent < count; sent += 1) {
    if (everyMs > 0) await until(dueMs);
    yield TOKEN_CHUNK;
    dueMs += everyMs;
  }
  yield END_CHUNKS;
}

/**
 * `bench tokens=N every_ms=M` in a prompt requests a stream; the text of a prompt reaches a node in every API. An
 * interval of 0 is as fast as the reader takes them.
 */
function streamOf(text: string): { readonly tokens: number; readonly everyMs: number } | undefined {
  const [, count, everyMs] = /bench tokens=(\d+) every_ms=(\d+)/.exec(text) ?? [];
  if (count === undefined || everyMs === undefined) return undefined;
  return { tokens: Number(count), everyMs: Number(everyMs) };
}

async function chat(request: Request): Promise<Response> {
  const stream = streamOf(await request.text());
  if (stream === undefined) return new Response(ANSWER, { headers: ANSWER_HEADERS });
  return streamResponse(tokens(stream.tokens, stream.everyMs), STREAM_HEADERS);
}

const health = () => ({
  uptime_secs: 1,
  ready: true,
  draining: false,
  activation: { state: 'ready', pending: [], completed: modelIds, failed: [] },
  devices: [],
  models: modelIds.map((id) => ({
    id,
    in_flight: 0,
    queue_depth: 0,
    max_in_flight: SLOTS,
    max_queue_depth: SLOTS,
    rejected: {},
    tok_s_decode: 100,
  })),
  harnesses: [{ name: 'llama', ok: true }],
});

const discovery = {
  hostname: 'bench',
  os: 'linux',
  kernel: '0',
  arch: 'x64',
  cpu: { model: 'bench', cores: 1 },
  ram_total_mb: 1024,
  storage: [],
  devices: [],
  harnesses: ['llama'],
};

const models = modelIds.map((id) => ({
  id,
  harness: 'llama',
  status: 'loaded',
  devices: [],
  capabilities: ['text'],
  limit: { context: 32_768, output: 32_768 },
  servable: { ok: true },
  settings: {},
  generation: 1,
  pinned: false,
  on_disk: true,
}));

const MANAGEMENT: Readonly<Record<string, () => unknown>> = {
  '/version': () => ({ version: '0.1.0', runtime: 'bench', engines: {} }),
  '/discovery': () => discovery,
  '/health': health,
  '/models': () => models,
};

const server: Bun.Server<undefined> = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  idleTimeout: 0,
  fetch(request): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    if (request.method === 'POST') return chat(request);
    const answer = MANAGEMENT[pathname];
    if (answer !== undefined) return Response.json(answer());
    const model = /^\/models\/(.+)\/endpoint$/.exec(pathname)?.[1];
    if (model !== undefined) return Response.json({ url: `http://127.0.0.1:${server.port}` });
    return Response.json(
      { error: { message: 'no such route', code: 'invalid_request' } },
      { status: 404 },
    );
  },
});

const [readyFile] = process.argv.slice(2);
if (readyFile === undefined) throw new Error('usage: upstream.ts READY_FILE');
writeReadyFile(readyFile, { pid: process.pid, url: `http://127.0.0.1:${server.port}` });
