/** Anthropic's Messages API, for nodes that speak chat completions. */
import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { readRequestViewInSlices } from '../../request-view.ts';
import type { AnswerFacts, ClientBody, Dialect } from '../dialect.ts';
import { parseExactly } from '../neutral/exact-json.ts';
import { toChatBody } from '../neutral/to-chat-body.ts';
import { readCountAnswer, toCountBody } from './count-tokens.ts';
import { type MessagesRequest, readMessagesRequest } from './read-request.ts';
import { MessageStream } from './stream.ts';
import { toMessage } from './write-answer.ts';

/**
 * Makes ids for calls that have none. A conversation must not have one id twice, and clients may use one request id for
 * several requests.
 */
function callIds({ requestId, createdS }: AnswerFacts): () => string {
  const stem = Bun.hash.xxHash64(`${requestId} ${createdS}`).toString(16).padStart(16, '0');
  let made = 0;
  return () => `toolu_${stem}_${(made += 1)}`;
}

function parseBody(bytes: Uint8Array): unknown {
  try {
    return parseExactly(new TextDecoder().decode(bytes));
  } catch (cause) {
    // The parser calls itself for each level.
    throw cause instanceof RangeError
      ? new CortexError('invalid_request', 'The body is nested too deeply.', { cause })
      : new CortexError('malformed_json', 'The body is not valid JSON.', { cause });
  }
}

function parseAnswer(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new CortexError('node_protocol_error', 'The node sent a body that is not JSON.', {
      cause,
    });
  }
}

/** Reads a request whose body for a node is made by `toNode`. */
const reading =
  (toNode: (request: MessagesRequest, model: string) => JsonObject): Dialect['read'] =>
  async (bytes, headers): Promise<ClientBody> => {
    const { model, stream, affinityKey } = await readRequestViewInSlices(bytes, headers);
    const request = readMessagesRequest(parseBody(bytes));
    return {
      view: { model, stream, n: 1, affinityKey },
      named: (name) => new TextEncoder().encode(JSON.stringify(toNode(request, name))),
      droppedTools: request.dropped,
    };
  };

const MESSAGES = {
  name: 'anthropic',
  streamType: 'text/event-stream; charset=utf-8',
  stream: (facts: AnswerFacts) => new MessageStream(facts, callIds(facts)),
} as const;

/** `/v1/messages`, by `/v1/chat/completions` of a node. */
export const ANTHROPIC: Dialect = {
  ...MESSAGES,
  read: reading(({ chat, stream }, model) => toChatBody(chat, { model, stream })),
  whole: (answer, facts) => JSON.stringify(toMessage(parseAnswer(answer), facts, callIds(facts))),
};

const readCount = reading(toCountBody);

/** `/v1/messages/count_tokens`, by `/count-tokens` of a node. It has no streamed answer. */
export const ANTHROPIC_COUNT: Dialect = {
  ...MESSAGES,
  read: async (bytes, headers) => {
    const body = await readCount(bytes, headers);
    return { ...body, view: { ...body.view, stream: false } };
  },
  whole: (answer) => JSON.stringify(readCountAnswer(parseAnswer(answer))),
};
