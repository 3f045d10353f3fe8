import { describe, expect, test } from 'bun:test';

import { streamResponse } from '@cortex/service';

import { CliError } from '../src/cli-error.ts';
import { createGatewayClient } from '../src/client/gateway-client.ts';

const client = (answer: () => Response) =>
  createGatewayClient('http://gateway:1/v1/', {
    adminKeys: () => Promise.resolve({ keys: ['sesame'], tried: [] }),
    fetch: () => Promise.resolve(answer()),
  });

const sse = (...events: string[]): Response =>
  new Response(events.map((data) => `data: ${data}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream' },
  });

const chunk = (delta: object, finish: string | null = null): string =>
  JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 0,
    model: 'm',
    choices: [{ index: 0, delta, finish_reason: finish }],
  });

const MODEL = {
  id: 'default',
  object: 'model',
  created: 0,
  owned_by: 'cortex',
  loaded: true,
  status: { value: 'loaded' },
  locations: [],
  feasible_on: [],
  capabilities: [],
  root: 'm',
};

describe('the calls of the APIs for clients', () => {
  test('send the key of the client, and the admin API gets only the admin key', async () => {
    const sent: string[] = [];
    const gateway = createGatewayClient('http://gateway:1', {
      apiKey: 'sk-user',
      adminKeys: () => Promise.resolve({ keys: ['sesame'], tried: [] }),
      fetch: (_, init) => {
        sent.push(new Headers(init?.headers).get('authorization') ?? '');
        return Promise.resolve(Response.json({ nodes: [] }));
      },
    });

    await gateway.ask({ path: '/v1/models' });
    await gateway.nodes();

    expect(sent).toEqual(['Bearer sk-user', 'Bearer sesame']);
  });

  test('say which variable has the key, where a key is required or refused', async () => {
    const answer = () => new Response('', { status: 401 });
    const withKey = createGatewayClient('http://gateway:1', {
      apiKey: 'sk-old',
      adminKeys: () => Promise.resolve({ keys: [], tried: [] }),
      fetch: () => Promise.resolve(answer()),
    });

    await expect(client(answer).models()).rejects.toThrow(
      'requires an API key: set CORTEX_API_KEY',
    );
    await expect(withKey.models()).rejects.toThrow('refused the key in CORTEX_API_KEY');
  });

  test('find the model that a name stands for, or nothing', async () => {
    expect((await client(() => Response.json(MODEL)).model('default'))?.root).toBe('m');
    expect(
      await client(() => new Response('', { status: 404 })).model('nobody/has-it'),
    ).toBeUndefined();
  });

  test("throw the message of an error in Anthropic's envelope", async () => {
    const error = { type: 'overloaded_error', message: 'All slots are busy.' };
    const busy = client(() => Response.json({ type: 'error', error }, { status: 529 }));

    await expect(busy.ask({ path: '/v1/messages', body: {} })).rejects.toThrow(
      'All slots are busy. [overloaded_error]',
    );
  });
});

describe('the gateway client', () => {
  test('accepts a base URL as OpenAI clients write it', () => {
    expect(client(() => new Response()).url).toBe('http://gateway:1');
  });

  test('reads text, reasoning and finish reason from a stream', async () => {
    const deltas = await Array.fromAsync(
      client(() =>
        sse(
          chunk({ role: 'assistant', content: '' }),
          chunk({ reasoning_content: 'hm' }),
          chunk({ content: 'Yes' }),
          chunk({}, 'stop'),
          '[DONE]',
        ),
      ).chat({}, new AbortController().signal),
    );

    expect(deltas).toEqual([{}, { reasoning: 'hm' }, { text: 'Yes' }, { finish: 'stop' }]);
  });

  test('throws the message of an error event in a stream', async () => {
    const stream = client(() =>
      sse(
        chunk({ content: 'Ye' }),
        JSON.stringify({
          error: { message: 'gone', type: 'server_error', code: 'node_recovering' },
        }),
      ),
    ).chat({}, new AbortController().signal);

    await expect(Array.fromAsync(stream)).rejects.toThrow('gone [node_recovering]');
  });

  test('reports in one line that the gateway ended an answer early', async () => {
    async function* broken() {
      yield new TextEncoder().encode(`data: ${chunk({ content: 'Ye' })}\n\n`);
      throw new TypeError('The socket connection was closed unexpectedly.');
    }
    const stream = client(() => streamResponse(broken())).chat({}, new AbortController().signal);

    const error = await Array.fromAsync(stream).catch((thrown: unknown) => thrown);

    expect(error).toBeInstanceOf(CliError);
    expect(String(error)).toContain('the gateway at http://gateway:1 ended the answer early');
  });

  test('reports message, code and retry time of an error', async () => {
    const busy = client(() =>
      Response.json(
        { error: { message: 'No room.', type: 'server_error', code: 'no_capacity' } },
        { status: 503, headers: { 'retry-after': '5' } },
      ),
    );

    await expect(busy.loadModel({ model: 'm' })).rejects.toThrow(
      'No room. (try again in 5 s) [no_capacity]',
    );
  });

  test('reports an answer that does not come from a cortex gateway', async () => {
    await expect(client(() => new Response('<html>')).models()).rejects.toThrow(
      'did not answer like a cortex gateway',
    );
  });
});
