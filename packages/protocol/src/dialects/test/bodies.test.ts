/** What the bodies of all translated routes have in common: how their JSON is read. */
import { describe, expect, test } from 'bun:test';

import { CortexError } from '../../errors.ts';
import { ANTHROPIC, ANTHROPIC_COUNT } from '../anthropic/anthropic.ts';
import type { ClientBody, Dialect } from '../dialect.ts';
import { OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_GENERATE } from '../ollama/ollama.ts';
import { RESPONSES } from '../responses/responses.ts';

const MESSAGES = '"messages":[{"role":"user","content":"x"}]';

/** Each route, and the members of a good request to it. */
const ROUTES: readonly (readonly [string, Dialect, string])[] = [
  ['/v1/messages', ANTHROPIC, MESSAGES],
  ['/v1/messages/count_tokens', ANTHROPIC_COUNT, MESSAGES],
  ['/v1/responses', RESPONSES, '"input":"x"'],
  ['/api/chat', OLLAMA_CHAT, MESSAGES],
  ['/api/generate', OLLAMA_GENERATE, '"prompt":"x"'],
  ['/api/embed', OLLAMA_EMBED, '"input":"x"'],
];

const read = (dialect: Dialect, body: string | Uint8Array<ArrayBuffer>): Promise<ClientBody> =>
  dialect.read(typeof body === 'string' ? new TextEncoder().encode(body) : body, new Headers());

async function errorOf(
  dialect: Dialect,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<CortexError> {
  try {
    await read(dialect, body);
  } catch (error) {
    if (error instanceof CortexError) return error;
    throw error;
  }
  throw new Error('the body was read');
}

const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe.each(ROUTES)('A body of %s', (_, dialect, members) => {
  test.each([
    [
      'cut off',
      (text: string) => text.slice(0, -1),
      /^The body is not valid JSON: it ends at byte/,
    ],
    ['with a wrong word', () => `{${members},"x":tru}`, /^The body is not valid JSON: .*byte/],
    ['with a wrong escape', () => `{${members},"x":"\\q"}`, /^The body is not valid JSON\.$/],
    ['a list', () => '[]', /^The body is not valid JSON/],
    ['a number', () => '1.0', /^The body is not valid JSON/],
    ['empty', () => '', /^The body is not valid JSON/],
  ])('that is %s is refused with malformed_json', async (_case, spoil, message) => {
    const error = await errorOf(dialect, spoil(`{${members}}`));

    expect(error.code).toBe('malformed_json');
    expect(error.message).toMatch(message);
  });

  test('that is not UTF-8 is refused with malformed_json', async () => {
    const bytes = Uint8Array.from(Buffer.from(`{${members},"y":"\u00ff"}`, 'latin1'));

    expect((await errorOf(dialect, bytes)).code).toBe('malformed_json');
  });

  test.each([1000, 100_000])('of %d levels is refused with invalid_request', async (levels) => {
    const error = await errorOf(dialect, `{${members},"x":${nested(levels)}}`);

    expect(error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/deep/),
    });
  });

  test('that the parser takes is written for the node, however deep it is', async () => {
    const tools = `"tools":[{"type":"function","name":"f","input_schema":{"properties":{"a":${nested(900)}}},"parameters":{"a":${nested(900)}},"function":{"name":"f","parameters":{"a":${nested(900)}}}}]`;

    expect((await read(dialect, `{${members},${tools}}`)).named('m').length).toBeGreaterThan(10);
  });

  test('has a model of at most 512 characters, or none', async () => {
    const model = async (value: string): Promise<string | undefined> =>
      (await read(dialect, `{${members},"model":${value}}`)).view.model;

    expect(await model('"a"')).toBe('a');
    expect(await model('""')).toBeUndefined();
    expect(await model('null')).toBeUndefined();
    for (const wrong of ['1', '1.0', '{}', `"${'a'.repeat(513)}"`])
      expect(await errorOf(dialect, `{${members},"model":${wrong}}`)).toMatchObject({
        code: 'invalid_request',
        details: { param: 'model' },
      });
  });

  test('may have members of OpenAI’s API that mean something else here', async () => {
    const body = await read(dialect, `{${members},"n":"x","stream_options":{"include_usage":"x"}}`);

    expect(body.view.n).toBe(1);
  });

  test('is written once for the same model', async () => {
    const body = await read(dialect, `{${members}}`);

    expect(body.named('a')).toBe(body.named('a'));
    expect(body.named('b')).not.toBe(body.named('a'));
  });
});

describe('A number in a body', () => {
  const written = async (dialect: Dialect, body: string): Promise<string> =>
    new TextDecoder().decode((await read(dialect, body)).named('m'));
  const SCHEMA =
    '{"type":"object","properties":{"x":{"minimum":0.50,"maximum":12345678901234567890}}}';

  test.each([
    [
      '/api/chat',
      OLLAMA_CHAT,
      `{"options":{"temperature":1.0,"top_k":4e1,"num_predict":2e1},"keep_alive":0.0,"format":${SCHEMA},"tools":[{"function":{"name":"f","parameters":${SCHEMA}}}],"messages":[
        {"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{"id":12345678901234567890,"x":1.0}}}]}]}`,
    ],
    [
      '/v1/responses',
      RESPONSES,
      `{"temperature":1.0,"top_k":4e1,"max_output_tokens":2e1,"tools":[{"type":"function","name":"f","parameters":${SCHEMA}}],"input":[
        {"type":"function_call","call_id":"a","name":"f","arguments":{"id":12345678901234567890,"x":1.0}}]}`,
    ],
  ])('keeps its spelling in the arguments and schemas of %s', async (_, dialect, body) => {
    const text = await written(dialect, body);

    expect(text).toContain(String.raw`{\"id\":12345678901234567890,\"x\":1.0}`);
    expect(text).toContain('"minimum":0.50,"maximum":12345678901234567890');
    expect(text).toContain('"max_tokens":20,"temperature":1,"top_k":40');
  });

  test.each([
    [
      '/api/chat',
      OLLAMA_CHAT,
      '"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":1.0}}]}]',
    ],
    ['/api/chat', OLLAMA_CHAT, `${MESSAGES},"format":1.0`],
    ['/api/chat', OLLAMA_CHAT, `${MESSAGES},"options":{"temperature":"1.0"}`],
    ['/v1/responses', RESPONSES, '"input":[1.0]'],
    ['/v1/responses', RESPONSES, '"input":"x","tool_choice":1.0'],
    ['/v1/responses', RESPONSES, '"input":"x","max_output_tokens":1.5'],
  ])('is refused by %s where it is not the value: %#', async (_, dialect, members) => {
    expect((await errorOf(dialect, `{${members}}`)).code).toBe('invalid_request');
  });
});
