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

/** What the routes of this API do in their own way. */
interface Route {
  readonly toNode: (request: MessagesRequest, model: string) => JsonObject;
  readonly whole: (answer: Uint8Array, facts: AnswerFacts) => string;
  /** Whether it has streamed answers. */
  readonly canStream: boolean;
}

const dialectOf = ({ toNode, whole, canStream }: Route): Dialect => ({
  name: 'anthropic',
  streamType: 'text/event-stream; charset=utf-8',
  requestIdHeader: 'request-id',
  async read(bytes, headers): Promise<ClientBody> {
    const { model, stream, affinityKey } = await readRequestViewInSlices(bytes, headers);
    const request = readMessagesRequest(parseBody(bytes));
    return {
      view: { model, stream: canStream && stream, n: 1, affinityKey },
      named: (name) => new TextEncoder().encode(JSON.stringify(toNode(request, name))),
      droppedTools: request.dropped,
      stream: (facts) => new MessageStream(facts, callIds(facts)),
      whole,
    };
  },
});

/** `/v1/messages`, by `/v1/chat/completions` of a node. */
export const ANTHROPIC: Dialect = dialectOf({
  toNode: ({ chat, stream }, model) => toChatBody(chat, { model, stream }),
  whole: (answer, facts) => JSON.stringify(toMessage(parseAnswer(answer), facts, callIds(facts))),
  canStream: true,
});

/** `/v1/messages/count_tokens`, by `/count-tokens` of a node. */
export const ANTHROPIC_COUNT: Dialect = dialectOf({
  toNode: toCountBody,
  whole: (answer) => JSON.stringify(readCountAnswer(parseAnswer(answer))),
  canStream: false,
});
