import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import type { ClientBody } from '../dialect.ts';
import { ANTHROPIC, ANTHROPIC_COUNT } from './anthropic.ts';

const bytesOf = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

const nodeBody = (body: ClientBody, model: string): unknown =>
  JSON.parse(new TextDecoder().decode(body.named(model)));

const codeOf = async (act: () => Promise<unknown>): Promise<string | undefined> => {
  try {
    await act();
    return undefined;
  } catch (error) {
    return error instanceof CortexError ? error.code : 'other';
  }
};

const facts = { requestId: 'req_1', model: 'claude-local', createdS: 7 };
const messages = [{ role: 'user', content: 'Hi' }];
const NO_HEADERS = new Headers();

describe('A request to /v1/messages', () => {
  test('has a view for routing and a body for a node, with the name of the model there', async () => {
    const request = { model: 'claude-local', stream: true, messages, metadata: { user_id: 'u' } };

    const body = await ANTHROPIC.read(bytesOf(request), NO_HEADERS);

    expect(body.view).toMatchObject({ model: 'claude-local', stream: true, n: 1 });
    expect(body.view.affinityKey()).toStartWith('session:');
    expect(nodeBody(body, 'Qwen/Qwen3-8B')).toMatchObject({
      model: 'Qwen/Qwen3-8B',
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
  });

  test('keeps the spelling of numbers in arguments and schemas', async () => {
    const text = `{"max_tokens":1e3,"temperature":1.0,"messages":[
      {"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":{"id":12345678901234567890,"x":1.0}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"a"}]}],
      "tools":[{"name":"f","input_schema":{"properties":{"x":{"minimum":0.50}}}}]}`;

    const body = await ANTHROPIC.read(bytesOf(text), NO_HEADERS);

    const written = new TextDecoder().decode(body.named('m'));
    expect(written).toContain(String.raw`{\"id\":12345678901234567890,\"x\":1.0}`);
    expect(written).toContain('"minimum":0.50');
    expect(written).toContain('"max_tokens":1000,"temperature":1}');
  });

  test.each(['1.0', '[1.0]', '"x"'])('is refused if the input of a call is %s', async (input) => {
    const text = `{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"a","name":"f","input":${input}}]}]}`;

    expect(await codeOf(() => ANTHROPIC.read(bytesOf(text), NO_HEADERS))).toBe('invalid_request');
  });

  test('names the tools that are left out', async () => {
    const tools = [{ type: 'web_search_20250305', name: 'web_search' }];
    const servers = [{ type: 'url', url: 'https://example.org', name: 'docs' }];

    const body = await ANTHROPIC.read(
      bytesOf({ messages, tools, mcp_servers: servers }),
      NO_HEADERS,
    );

    expect(body.droppedTools).toEqual(['docs', 'web_search']);
    expect(body.view.model).toBeUndefined();
  });

  test.each([
    ['{"messages": [', 'malformed_json'],
    ['{"messages": [{"role": "user", "content": tru}]}', 'malformed_json'],
    ['[]', 'malformed_json'],
    ['{}', 'invalid_request'],
  ])('is refused if it is %s', async (text, code) => {
    expect(await codeOf(() => ANTHROPIC.read(bytesOf(text), NO_HEADERS))).toBe(code);
  });

  test('is refused if it is nested too deeply', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const text = `{"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","input_schema":{"a":${deep}}}]}`;

    expect(await codeOf(() => ANTHROPIC.read(bytesOf(text), NO_HEADERS))).toBe('invalid_request');
  });
});

const call = (name: string): object => ({ function: { name, arguments: '{}' } });

const body = await ANTHROPIC.read(bytesOf({ messages }), NO_HEADERS);

describe('An answer from /v1/messages', () => {
  const answer = {
    choices: [{ message: { tool_calls: [call('f'), call('g')] }, finish_reason: 'tool_calls' }],
  };

  test('keeps the spelling of numbers in arguments', () => {
    const text =
      '{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{\\"id\\":12345678901234567890}"}}]}}]}';

    expect(body.whole?.(bytesOf(text), facts)).toContain('"input":{"id":12345678901234567890}');
  });

  test('has ids of calls that no other answer has', () => {
    const whole = body.whole?.(bytesOf(answer), facts) ?? '';
    const other = body.whole?.(bytesOf(answer), { ...facts, createdS: 8 }) ?? '';

    const ids = [whole, other].flatMap((text) => text.match(/toolu_\w+/g) ?? []);
    expect(new Set(ids).size).toBe(4);
    expect(body.whole?.(bytesOf(answer), facts)).toBe(whole);
  });

  test.each([['<html>'], ['{}'], ['{"choices":[]}'], ['[]']])(
    'is an error of the node if that sent %s',
    async (text) => {
      const read = (): Promise<unknown> => Promise.try(() => body.whole?.(bytesOf(text), facts));

      expect(await codeOf(read)).toBe('node_protocol_error');
    },
  );

  test('is a stream of its own for each request', () => {
    const one = body.stream(facts);

    expect(one.opening()).toContain('"id":"msg_1"');
    expect(body.stream(facts).opening()).toContain('message_start');
  });
});

describe('A request to /v1/messages/count_tokens', () => {
  test('is never streamed, and its answer is a number', async () => {
    const body = await ANTHROPIC_COUNT.read(
      bytesOf({ model: 'claude-local', stream: true, messages }),
      NO_HEADERS,
    );

    expect(nodeBody(body, 'm')).toEqual({ model: 'm', messages });
    expect(body.whole?.(bytesOf({ input_tokens: 3 }), facts)).toBe('{"input_tokens":3}');
  });
});
