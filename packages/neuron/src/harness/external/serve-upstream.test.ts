import { afterEach, describe, expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';
import { FakeClock } from '@cortex/testkit';

import { AwakeClock } from '../../awake-clock.ts';
import { PulseGroup } from '../pulse.ts';
import { TakenFields } from './chat-body/taken-fields.ts';
import { serveUpstream } from './serve-upstream.ts';
import { SlotQueue } from './slot-queue.ts';

const MINUTE_MS = 60_000;
const CONTENT = 'data: {"choices":[{"index":0,"delta":{"content":"word"}}]}\n\n';
const FINISH = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

/** A server that sends one word and then only what `send` is given; `end` ends its answer. */
function startServer() {
  const answer = Promise.withResolvers<ReadableStreamDefaultController<Uint8Array>>();
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch: () => {
      const body = new ReadableStream<Uint8Array>({ start: (to) => answer.resolve(to) });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  cleanUps.push(() => void server.stop(true));
  const send = async (text: string) =>
    (await answer.promise).enqueue(new TextEncoder().encode(text));
  void send(CONTENT);
  return {
    url: `http://127.0.0.1:${server.port}`,
    send,
    end: async () => (await answer.promise).close(),
  };
}

/** A clock that tests move, also over time in which the process does not run. */
function createClock() {
  const running = new FakeClock();
  let stoppedMs = 0;
  const every = (everyMs: number, run: () => void) => running.every(everyMs, run);
  const clock = new AwakeClock(every, () => running.nowMs() + stoppedMs);
  return {
    pulses: new PulseGroup(every, clock),
    run: (ms: number) => running.advance(ms),
    stop: (ms: number) => {
      stoppedMs += ms;
    },
  };
}

/** One stream from `url`, with its text so far. */
async function openStream(url: string, pulses: PulseGroup) {
  const bytes = new TextEncoder().encode('{"model":"m","stream":true}');
  const answer = await serveUpstream({
    route: '/v1/chat/completions',
    target: {
      upstream: { harness: 'other', url, headers: {} },
      kind: 'openai',
      modelId: 'm',
      upstreamModel: 'm',
      params: {},
      contextTokens: undefined,
      slots: new SlotQueue(1),
      takenFields: new TakenFields(),
      lost: new AbortController().signal,
      isAnswering: () => true,
      loss: () => new CortexError('node_recovering', 'The connection broke.'),
    },
    request: {
      body: { model: 'm', stream: true },
      bytes,
      headers: new Headers(),
      principal: 'addr:127.0.0.1',
      requestId: 'req_1',
      started: () => undefined,
      ended: () => undefined,
    },
    pulses,
    signal: new AbortController().signal,
  });
  const reader: ReadableStreamDefaultReader<Uint8Array> | undefined = answer.body?.getReader();
  if (!reader) throw new Error('no body');
  cleanUps.push(() => void reader.cancel());
  const decoder = new TextDecoder();
  let text = '';
  let isOver = false;
  const reading = (async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      text += decoder.decode(read.value, { stream: true });
    }
    isOver = true;
  })();
  return {
    whole: async () => {
      await reading;
      return text;
    },
    /** Lets the stream take what is there, and calls `meanwhile`, until `isSo`. */
    until: async (isSo: (text: string) => boolean, meanwhile = (): void => undefined) => {
      while (!isOver && !isSo(text)) {
        meanwhile();
        await new Promise(setImmediate);
      }
      return text;
    },
  };
}

const keepAlives = (text: string): number => text.split(': keep-alive').length - 1;

describe('a stream from an external server', () => {
  test('goes on after the daemon was stopped for longer than a server may be silent', async () => {
    const server = startServer();
    const { pulses, run, stop } = createClock();
    const stream = await openStream(server.url, pulses);
    await stream.until((text) => text.includes('word'));

    stop(60 * MINUTE_MS);
    const text = await stream.until(
      (seen) => keepAlives(seen) === 2,
      () => run(1000),
    );
    await server.send(FINISH + 'data: [DONE]\n\n');
    await server.end();

    expect(text).not.toContain('error');
    expect(await stream.whole()).toEndWith('data: [DONE]\n\n');
    expect(await stream.whole()).not.toContain('error');
  });

  test('ends with node_timeout when its server sends nothing for 300 s in which the daemon ran', async () => {
    const server = startServer();
    const { pulses, run, stop } = createClock();
    const stream = await openStream(server.url, pulses);
    await stream.until((text) => text.includes('word'));
    let ranMs = 0;
    const runOneSecond = (): void => {
      run(1000);
      ranMs += 1000;
    };

    stop(60 * MINUTE_MS);
    const text = await stream.until(() => false, runOneSecond);

    expect(text).toContain('"code":"node_timeout"');
    expect(text).toContain('The server of m (other) sent nothing for 300 s.');
    expect(ranMs).toBeGreaterThanOrEqual(300_000);
  });
});
