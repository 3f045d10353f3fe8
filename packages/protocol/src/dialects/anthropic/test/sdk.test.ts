import Anthropic, { AnthropicError, APIError } from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { toCortexError } from '../../../errors.ts';
import { isJsonObject, type JsonObject } from '../../../json/json-object.ts';
import { renderError } from '../../../render-error.ts';
import { PING } from '../event-writer.ts';
import { toMessage } from '../write-answer.ts';
import { type AnswerCase, answerCases, callIds, factsOf, streamOf } from './golden-cases.ts';
import { translate } from './translate.ts';

const caseOf = (request: Request): AnswerCase | undefined =>
  answerCases[Number(new URL(request.url).pathname.split('/')[1])]?.case;

/** A stream with a ping behind each event but the last. */
const bodyOf = (one: AnswerCase): string =>
  translate(one, [new TextEncoder().encode(streamOf(one))])
    .split(/(?<=\n\n)/)
    .join(PING);

function answer(one: AnswerCase): Response {
  try {
    return Response.json(toMessage(one.answer ?? {}, factsOf(one), callIds()));
  } catch (error) {
    const { body, ...init } = renderError(toCortexError(error), 'anthropic', 'req_golden');
    return Response.json(body, init);
  }
}

let server: Bun.Server<undefined>;

beforeAll(() => {
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) => {
      const one = caseOf(request);
      if (one === undefined) return new Response(null, { status: 404 });
      const body: unknown = await request.json();
      if (!isJsonObject(body) || body['stream'] !== true) return answer(one);
      return new Response(bodyOf(one), {
        headers: { 'content-type': 'text/event-stream' },
      });
    },
  });
});
afterAll(() => server.stop(true));

const clientOf = (one: AnswerCase): Anthropic =>
  new Anthropic({
    apiKey: 'none',
    baseURL: `${server.url.href}${answerCases.findIndex((other) => other.case === one)}`,
    maxRetries: 0,
  });

const REQUEST = {
  model: 'claude-local',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Hi' }],
};

/** What a client reads, without the members that only the SDK adds. */
const readable = (message: object): JsonObject => JSON.parse(JSON.stringify(message));

const streams = answerCases.flatMap(({ name, case: one }) =>
  one.chunks === undefined ? [] : [[name, one] as const],
);
const wholes = answerCases.flatMap(({ name, case: one }) =>
  one.answer === undefined ? [] : [[name, one] as const],
);

function namedCase(name: string): AnswerCase {
  const found = answerCases.find((one) => one.name.startsWith(`${name}:`));
  if (found === undefined) throw new Error(`no case ${name}`);
  return found.case;
}

/** A call in the answer has arguments that are not JSON. */
const isBroken = ({ message }: AnswerCase): boolean =>
  JSON.stringify(message ?? {}).includes('"raw_arguments"');

describe('The official SDK', () => {
  test.each(streams.filter(([, one]) => one.error === undefined && !isBroken(one)))(
    'reads the message of the stream %s',
    async (_, one) => {
      const message = await clientOf(one).messages.stream(REQUEST).finalMessage();

      expect(readable(message)).toMatchObject(one.message ?? {});
    },
  );

  test.each(streams.filter(([, one]) => one.error !== undefined))(
    'fails with the error that ends the stream %s',
    async (_, one) => {
      const failure: unknown = await clientOf(one)
        .messages.stream(REQUEST)
        .finalMessage()
        .catch((error: unknown) => error);

      expect(failure).toBeInstanceOf(APIError);
      expect(failure instanceof APIError ? failure.error : undefined).toEqual(one.error);
    },
  );

  test('gets every member of the usage that its types have, whole and streamed', async () => {
    const counts = {
      input_tokens: 100,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 900,
      output_tokens: 50,
      output_tokens_details: { thinking_tokens: 40 },
      server_tool_use: null,
    } satisfies Anthropic.MessageDeltaUsage;
    const usage: Anthropic.Usage = {
      ...counts,
      cache_creation: { ephemeral_1h_input_tokens: 0, ephemeral_5m_input_tokens: 0 },
      inference_geo: null,
      service_tier: null,
      speed: null,
    };
    const client = clientOf(namedCase('p35-cached-usage'));

    const whole = await client.messages.create(REQUEST);
    const stream = client.messages.stream(REQUEST);
    const events = await Array.fromAsync(stream);

    expect(whole.usage).toEqual(usage);
    expect((await stream.finalMessage()).usage).toEqual(usage);
    expect(events.find(({ type }) => type === 'message_delta')).toMatchObject({ usage: counts });
  });

  test('leaves out the arguments that the token limit has cut from a stream', async () => {
    const message = await clientOf(namedCase('p33-cut-call'))
      .messages.stream(REQUEST)
      .finalMessage();

    expect(message).toMatchObject({ stop_reason: 'max_tokens', content: [{ input: {} }] });
  });

  test('refuses a stream with arguments that are not JSON, so that no tool runs on a part of them', async () => {
    const final = clientOf(namedCase('p28-invalid-arguments'))
      .messages.stream(REQUEST)
      .finalMessage();

    await expect(final).rejects.toBeInstanceOf(AnthropicError);
  });

  test.each(wholes.filter(([, one]) => one.message !== undefined))(
    'reads the whole message %s',
    async (_, one) => {
      const message = await clientOf(one).messages.create(REQUEST);

      expect(readable(message)).toMatchObject(one.message ?? {});
    },
  );

  test.each(wholes.filter(([, one]) => one.error !== undefined && one.chunks === undefined))(
    'fails with the error in place of the whole message %s',
    async (_, one) => {
      const failure: unknown = await clientOf(one)
        .messages.create(REQUEST)
        .catch((error: unknown) => error);

      expect(failure).toBeInstanceOf(APIError);
      expect(failure instanceof APIError ? failure.message : '').toContain(
        String(one.error?.['message']),
      );
    },
  );
});
