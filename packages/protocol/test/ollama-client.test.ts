/**
 * The official client of Ollama against a server that translates recorded answers of nodes, as the gateway does it: what
 * the client sends is read, and what it is sent is what it understands.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'bun:test';
import { type ChatResponse, Ollama } from 'ollama';

import type { OllamaAnswerOptions } from '../src/dialects/ollama/node-answer.ts';
import type { OllamaRequest } from '../src/dialects/ollama/ollama-request.ts';
import { readOllamaChat } from '../src/dialects/ollama/read-chat.ts';
import { readOllamaEmbed, readOllamaEmbeddings } from '../src/dialects/ollama/read-embed.ts';
import { readOllamaGenerate } from '../src/dialects/ollama/read-generate.ts';
import type { AnswerStream } from '../src/dialects/dialect.ts';
import { OLLAMA_STREAM_TYPE, ollamaStream } from '../src/dialects/ollama/stream.ts';
import {
  toOllamaAnswer,
  toOllamaEmbed,
  toOllamaEmbeddings,
  toOllamaLoadAnswer,
} from '../src/dialects/ollama/whole-answer.ts';
import type { OllamaForm } from '../src/dialects/ollama/write-answer.ts';
import {
  CortexError,
  type ListedModel,
  readOllamaShow,
  renderError,
  toCortexError,
  toOllamaPs,
  toOllamaShow,
  toOllamaTags,
  toOllamaVersion,
} from '../src/index.ts';

const FIXTURES = join(import.meta.dir, '../src/dialects/ollama/__fixtures__');
const MODEL: ListedModel = {
  id: 'Qwen/Qwen3-8B',
  object: 'model',
  created: 1_764_510_000,
  owned_by: 'cortex',
  loaded: true,
  status: { value: 'loaded' },
  locations: [{ node: 'a', status: 'loaded', vram_mb: 6000 }],
  feasible_on: ['a'],
  capabilities: ['text', 'tools'],
  limit: { context: 32_768, output: 32_768 },
  quantization: 'Q4_K_M',
};
const VECTORS = {
  object: 'list',
  model: 'm',
  data: [
    { object: 'embedding', index: 1, embedding: [0, 1] },
    { object: 'embedding', index: 0, embedding: [1, 0] },
  ],
  usage: { prompt_tokens: 4, total_tokens: 4 },
};

/** What the node of the last request would have been sent. A model is the name of the recording that answers. */
let nodeBody: unknown;

const jsonOf = (bytes: Uint8Array): unknown => JSON.parse(new TextDecoder().decode(bytes));
const readFixture = (name: string, file: string): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(join(FIXTURES, name, file)));

function answer(request: OllamaRequest, form: OllamaForm): Response {
  const { model = '', stream } = request;
  const facts = { requestId: 'req_1', model, createdS: 1_764_510_000 };
  if (request.kind !== 'answer')
    return Response.json(toOllamaLoadAnswer(request.kind, facts, { form, totalMs: 5, loadMs: 4 }));
  nodeBody = jsonOf(request.body.named('m'));
  const options: OllamaAnswerOptions = {
    form,
    newCallId: () => 'call_made',
    timings: () => ({ usage: undefined, totalMs: 5 }),
  };
  if (!stream)
    return Response.json(toOllamaAnswer(jsonOf(readFixture(model, 'node.json')), facts, options));
  return streamed(readFixture(model, 'node.sse'), ollamaStream(facts, options));
}

/** In parts that end in the middle of lines, with keep-alives before and within the answer. */
function streamed(bytes: Uint8Array<ArrayBuffer>, stream: AnswerStream): Response {
  const half = bytes.length >> 1;
  const lines = [
    stream.keepAlive(),
    stream.push(bytes.subarray(0, half)),
    stream.keepAlive(),
    stream.push(bytes.subarray(half)),
    stream.end(true),
  ].join('');
  const text = new TextEncoder().encode(lines);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < text.length; at += 37) controller.enqueue(text.slice(at, at + 37));
      controller.close();
    },
  });
  return new Response(body, { headers: { 'content-type': OLLAMA_STREAM_TYPE } });
}

function embed(input: unknown): Response {
  const { model = '', body } = readOllamaEmbed(input);
  nodeBody = body && jsonOf(body.named('m'));
  return Response.json(toOllamaEmbed(body && VECTORS, { model }, { totalMs: 5 }));
}

function show(body: unknown): Response {
  const asked = readOllamaShow(body);
  if (asked === 'qwen3') return Response.json(toOllamaShow(MODEL));
  throw new CortexError('model_not_found', `There is no model "${asked}".`);
}

const ROUTES: Readonly<Record<string, (body: unknown) => Response>> = {
  '/api/chat': (body) => answer(readOllamaChat(body), 'chat'),
  '/api/generate': (body) => answer(readOllamaGenerate(body), 'generate'),
  '/api/embed': embed,
  '/api/embeddings': (body) => {
    nodeBody = readOllamaEmbeddings(body).model;
    return Response.json(toOllamaEmbeddings(VECTORS));
  },
  '/api/show': show,
  '/api/tags': () => Response.json(toOllamaTags([MODEL])),
  '/api/ps': () => Response.json(toOllamaPs([MODEL])),
  '/api/version': () => Response.json(toOllamaVersion()),
};

const server = Bun.serve({
  port: 0,
  hostname: '127.0.0.1',
  async fetch(request) {
    try {
      const body: unknown = request.method === 'POST' ? await request.json() : undefined;
      return ROUTES[new URL(request.url).pathname]?.(body) ?? new Response(null, { status: 404 });
    } catch (thrown) {
      const { status, headers, body } = renderError(toCortexError(thrown), 'ollama', 'req_1');
      return Response.json(body, { status, headers });
    }
  },
});
const client = new Ollama({ host: server.url.origin });

afterAll(() => server.stop(true));

const MESSAGES = [{ role: 'user', content: 'hi' }];

/** The parts of a streamed chat. */
async function parts(model: string): Promise<ChatResponse[]> {
  const all: ChatResponse[] = [];
  for await (const part of await client.chat({ model, messages: MESSAGES, stream: true }))
    all.push(part);
  return all;
}

describe('The official client', () => {
  test('reads a streamed chat with thoughts', async () => {
    const all = await parts('thinking-then-text');

    expect(all.map(({ message }) => message.thinking ?? '').join('')).toBe('Let me see.');
    expect(all.map(({ message }) => message.content).join('')).toBe('Four.');
    expect(all.at(-1)).toMatchObject({ done: true, done_reason: 'stop', eval_count: 9 });
  });

  test('reads calls of tools', async () => {
    const calls = (await parts('calls-whose-parts-alternate')).flatMap(
      ({ message }) => message.tool_calls ?? [],
    );

    expect(calls.map((call) => call.function)).toMatchObject([
      { name: 'f', arguments: { n: 1 } },
      { name: 'g', arguments: { m: 2 } },
    ]);
  });

  test('reads text that has line ends of all kinds', async () => {
    const all = await parts('text-with-line-ends-and-quotes');

    expect(all.map(({ message }) => message.content).join('')).toBe(
      'a\n"b"\r\n\u2028\u2029\u0085\t\\end',
    );
  });

  test.each([
    ['error-in-the-middle', 'The engine died.'],
    ['end-that-is-missing', 'The node ended its answer before it was complete.'],
  ])('throws what the line of an error says: %s', async (model, message) => {
    await expect(parts(model)).rejects.toThrow(message);
  });

  test('reads a whole chat', async () => {
    const chat = await client.chat({ model: 'whole-thinking-and-calls', messages: MESSAGES });

    expect(chat).toMatchObject({
      message: {
        thinking: 'Both.',
        tool_calls: [
          { function: { name: 'f', arguments: { n: 1 } } },
          { function: { name: 'g', arguments: {} } },
        ],
      },
      done: true,
    });
  });

  test('sends a conversation with an image and results of tools', async () => {
    const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0, 0]);
    const { message } = await client.chat({
      model: 'whole-thinking-and-calls',
      messages: MESSAGES,
    });
    await client.chat({
      model: 'whole-text',
      messages: [
        { role: 'user', content: 'What?', images: [png] },
        message,
        { role: 'tool', tool_name: 'g', content: 'two' },
        { role: 'tool', tool_name: 'f', content: 'one' },
      ],
      tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }],
      think: 'low',
      format: 'json',
      options: { temperature: 0, num_predict: 5 },
    });

    expect(nodeBody).toMatchObject({
      messages: [
        {
          content: [
            { image_url: { url: `data:image/png;base64,${png.toBase64()}` } },
            { type: 'text', text: 'What?' },
          ],
        },
        { reasoning_content: 'Both.', tool_calls: [{ id: 'call_a' }, { id: 'call_b' }] },
        { tool_call_id: 'call_b', content: 'two' },
        { tool_call_id: 'call_a', content: 'one' },
      ],
      tools: [{ function: { name: 'f' } }],
      reasoning_effort: 'low',
      response_format: { type: 'json_object' },
      temperature: 0,
      max_tokens: 5,
    });
  });

  test('generates text, streamed and not, and between a prefix and a suffix', async () => {
    const whole = await client.generate({ model: 'whole-generate', prompt: 'Why?' });
    const filled = await client.generate({
      model: 'generate-between-prefix-and-suffix',
      prompt: 'def f(a, b):',
      suffix: 'f(1, 2)',
      stream: true,
    });
    let text = '';
    for await (const { response } of filled) text += response;

    expect(whole).toMatchObject({ response: 'Blue.', thinking: 'Rayleigh.', done_reason: 'stop' });
    expect(text).toBe('\n    if b == 0:\n        return a');
    expect(nodeBody).toMatchObject({ prompt: 'def f(a, b):', suffix: 'f(1, 2)' });
  });

  test('loads a model with an empty prompt, streamed or not', async () => {
    const streamedLoad = await client.generate({ model: 'x', prompt: '', stream: true });
    const reasons: string[] = [];
    for await (const { done_reason } of streamedLoad) reasons.push(done_reason);

    expect(reasons).toEqual(['load']);
    expect(await client.generate({ model: 'x', prompt: '' })).toMatchObject({
      done: true,
      done_reason: 'load',
    });
    expect(await client.chat({ model: 'x', messages: [], keep_alive: 0 })).toMatchObject({
      done_reason: 'unload',
    });
  });

  test('gets vectors in the order of its input', async () => {
    const { embeddings, prompt_eval_count: tokens } = await client.embed({
      model: 'e',
      input: ['a', 'b'],
    });

    expect(embeddings).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(tokens).toBe(4);
    expect(nodeBody).toEqual({ model: 'm', input: ['a', 'b'], encoding_format: 'float' });
    expect(await client.embeddings({ model: 'e', prompt: 'a' })).toEqual({ embedding: [1, 0] });
  });

  test('lists and shows models', async () => {
    const { models } = await client.list();
    const running = await client.ps();
    const shown = await client.show({ model: 'qwen3' });

    expect(models.map(({ name, details }) => [name, details.parameter_size])).toEqual([
      ['Qwen/Qwen3-8B:latest', '8B'],
    ]);
    expect(running.models).toMatchObject([
      { model: 'Qwen/Qwen3-8B:latest', size_vram: 6000 * 1024 * 1024 },
    ]);
    expect(shown).toMatchObject({
      capabilities: ['completion', 'tools'],
      model_info: { 'general.architecture': 'qwen3', 'qwen3.context_length': 32_768 },
    });
    expect(await client.version()).toEqual({ version: expect.any(String) });
  });

  test('shows the text and the status of a refusal', async () => {
    const refused = client.chat({
      model: 'whole-text',
      messages: [{ role: 'bot', content: 'hi' }],
    });

    await expect(refused).rejects.toMatchObject({
      error: '"messages[0].role" must be "system", "user", "assistant" or "tool".',
      status_code: 400,
    });
    await expect(client.show({ model: 'none' })).rejects.toMatchObject({ status_code: 404 });
  });
});
