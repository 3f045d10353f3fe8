/** The official client reads our answers, streamed and not. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'bun:test';

import OpenAI from 'openai';
import type {
  Response as ApiResponse,
  ResponseCreateParamsNonStreaming as Request,
} from 'openai/resources/responses/responses';

import { WholeEvents } from '../../sse/whole-events.ts';
import { readResponsesRequest, type ResponsesRequest } from './responses.ts';
import { FACTS } from './test/answer.ts';

const ROOT = fileURLToPath(new URL('__fixtures__/', import.meta.url));
const NAMES = readdirSync(ROOT);
type StreamRequest = Parameters<OpenAI['responses']['stream']>[0];

const fixture = (name: string, file: string): Uint8Array => readFileSync(`${ROOT}${name}/${file}`);
const textOf = (name: string, file: string): string =>
  readFileSync(`${ROOT}${name}/${file}`, 'utf8');

const requestOf = (name: string): Request => JSON.parse(textOf(name, 'request.json'));
const streamRequestOf = (name: string): StreamRequest => JSON.parse(textOf(name, 'request.json'));
const responseOf = (name: string): ApiResponse => JSON.parse(textOf(name, 'response.json'));

/** The answer of a recorded case to a request of the client, as a node sends it in small chunks. */
function* streamed(request: ResponsesRequest, name: string): Generator<Uint8Array | string, void> {
  const answer = fixture(name, 'answer.sse');
  const stream = request.stream(FACTS);
  const whole = new WholeEvents();
  yield stream.opening();
  for (let at = 0; at < answer.length; at += 100) {
    const events = whole.push(answer.subarray(at, at + 100));
    if (events !== undefined) yield stream.push(events);
  }
  yield stream.end(true);
}

/** Sends a part when the client has taken the one before. */
const toBody = (parts: Iterator<Uint8Array | string, void>): ReadableStream =>
  new ReadableStream({
    pull(controller) {
      const { value } = parts.next();
      if (value === undefined) controller.close();
      else controller.enqueue(typeof value === 'string' ? Buffer.from(value) : value);
    },
  });

const server = Bun.serve({
  port: 0,
  async fetch(request) {
    // The case is the path before `/responses`.
    const name = decodeURIComponent(new URL(request.url).pathname.split('/')[1] ?? '');
    const read = readResponsesRequest(new Uint8Array(await request.arrayBuffer()));
    if (!read.view.stream) {
      return new Response(read.whole(fixture(name, 'answer.json'), FACTS), {
        headers: { 'content-type': 'application/json' },
      });
    }
    return new Response(toBody(streamed(read, name)), {
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

const ADDED_BY_CLIENT = new Set(['output_parsed', 'parsed', 'parsed_arguments', 'output_text']);

/** A response without the members that the client adds. */
const sent = (response: ApiResponse | undefined): ApiResponse =>
  JSON.parse(
    JSON.stringify(response, (key, value: unknown) =>
      ADDED_BY_CLIENT.has(key) ? undefined : value,
    ),
  );

/** What the messages of a response say. */
const said = ({ output }: ApiResponse): string =>
  output
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => (part.type === 'output_text' ? part.text : ''))
    .join('');

const STREAMED = NAMES.filter((name) => requestOf(name).stream);

describe('The official client', () => {
  const complete = STREAMED.filter((name) => responseOf(name).status === 'completed');

  test.each(complete)('puts a stream together to the response: %s', async (name) => {
    const response = await client(name).responses.stream(streamRequestOf(name)).finalResponse();

    expect(sent(response)).toEqual(responseOf(name));
  });

  test.each(STREAMED)('collects text from deltas and the last response: %s', async (name) => {
    const stream = client(name).responses.stream(streamRequestOf(name));
    let text = '';
    stream.on('response.output_text.delta', ({ delta }) => (text += delta));
    let last: ApiResponse | undefined;
    for await (const event of stream) if ('response' in event) last = event.response;

    expect(sent(last)).toEqual(responseOf(name));
    expect(text).toBe(said(responseOf(name)));
  });

  test.each([
    ['whole-text', 'Hi'],
    ['whole-reasoning-text-and-calls', 'I look.'],
    ['whole-length', 'H'],
  ])('reads a whole response: %s', async (name, text) => {
    const response = await client(name).responses.create(requestOf(name));

    expect(sent(response)).toEqual(responseOf(name));
    expect(response.output_text).toBe(text);
  });
});
