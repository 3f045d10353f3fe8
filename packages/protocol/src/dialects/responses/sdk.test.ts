/** The official client reads our answers, streamed and not. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'bun:test';

import OpenAI from 'openai';
import type { Response as ApiResponse } from 'openai/resources/responses/responses';

import { WholeEvents } from '../../sse/whole-events.ts';
import { readResponsesRequest, type ResponsesRequest } from './responses.ts';
import { FACTS } from './test/answer.ts';

const ROOT = fileURLToPath(new URL('__fixtures__/', import.meta.url));
const NAMES = readdirSync(ROOT);
const fixture = (name: string, file: string): Uint8Array => readFileSync(`${ROOT}${name}/${file}`);
const json = (name: string, file: string): never =>
  JSON.parse(new TextDecoder().decode(fixture(name, file)));

/** The answer of a recorded case to a request of the client, in small chunks. */
async function* streamed(
  request: ResponsesRequest,
  name: string,
): AsyncGenerator<Uint8Array | string> {
  const answer = fixture(name, 'answer.sse');
  const stream = request.stream(FACTS);
  const whole = new WholeEvents();
  yield stream.opening();
  for (let at = 0; at < answer.length; at += 100) {
    const events = whole.push(answer.subarray(at, at + 100));
    if (events !== undefined) yield stream.push(events);
  }
  yield stream.end();
}

const server = Bun.serve({
  port: 0,
  async fetch(request) {
    // The case is the path before `/responses`.
    const name = decodeURIComponent(new URL(request.url).pathname.split('/')[1] ?? '');
    const read = readResponsesRequest(new Uint8Array(await request.arrayBuffer()));
    if (!read.isStream) {
      return new Response(read.whole(fixture(name, 'answer.json'), FACTS), {
        headers: { 'content-type': 'application/json' },
      });
    }
    return new Response(streamed(read, name) as unknown as ReadableStream, {
      headers: { 'content-type': 'text/event-stream' },
    });
  },
});
afterAll(() => server.stop(true));

const client = (name: string): OpenAI =>
  new OpenAI({
    apiKey: 'none',
    baseURL: `http://127.0.0.1:${server.port}/${encodeURIComponent(name)}`,
    maxRetries: 0,
  });

/** A response without what the client adds to it. */
function sent(response: object): unknown {
  return JSON.parse(
    JSON.stringify(response, (key, value: unknown) =>
      ['output_parsed', 'parsed', 'parsed_arguments', 'output_text'].includes(key) &&
      typeof value !== 'object'
        ? undefined
        : key.includes('parsed')
          ? undefined
          : value,
    ),
  );
}

const statusOf = (name: string): string =>
  (json(name, 'response.json') as ApiResponse).status ?? '';
const isStreamed = (name: string): boolean => 'stream' in (json(name, 'request.json') as object);

describe('The official client', () => {
  const complete = NAMES.filter((name) => isStreamed(name) && statusOf(name) === 'completed');

  test.each(complete)('puts a stream together to the response: %s', async (name) => {
    const response = await client(name)
      .responses.stream(json(name, 'request.json'))
      .finalResponse();

    expect(sent(response)).toEqual(json(name, 'response.json'));
  });

  test.each(NAMES.filter(isStreamed))(
    'collects the output of a stream from its deltas: %s',
    async (name) => {
      const expected: ApiResponse = json(name, 'response.json');
      const stream = client(name).responses.stream(json(name, 'request.json'));
      let text = '';
      stream.on('response.output_text.delta', ({ delta }) => (text += delta));
      let last: ApiResponse | undefined;
      for await (const event of stream) if ('response' in event) last = event.response;

      expect(sent(last ?? {})).toEqual(expected as unknown);
      const messages = expected.output.filter((item) => item.type === 'message');
      const parts = messages.flatMap(({ content }) => content);
      expect(text).toBe(parts.map((part) => ('text' in part ? part.text : '')).join(''));
    },
  );

  test.each(['whole-text', 'whole-reasoning-text-and-calls', 'whole-length'])(
    'reads a whole response: %s',
    async (name) => {
      const response = await client(name).responses.create(json(name, 'request.json'));

      const expected: ApiResponse = json(name, 'response.json');
      expect(sent(response)).toEqual(expected as unknown);
      expect(response.output_text).toBe(
        { 'whole-length': 'H', 'whole-text': 'Hi' }[name] ?? 'I look.',
      );
    },
  );
});
