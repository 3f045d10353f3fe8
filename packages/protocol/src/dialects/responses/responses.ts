/** OpenAI's Responses API, without its store: each request has its whole conversation. */
import { readRequestViewInSlices } from '../../request-view.ts';
import type { AnswerFacts, AnswerStream, ClientBody, Dialect } from '../dialect.ts';
import { toChatBody } from '../neutral/to-chat-body.ts';
import { readRequest } from './read-request.ts';
import { ResponsesStream, writeResponse } from './stream.ts';

/** A request of this API, for a node that speaks chat completions. */
export interface ResponsesRequest extends Pick<ClientBody, 'named'> {
  readonly isStream: boolean;
  /** Tools that are left out. */
  readonly dropped: readonly string[];
  /** For the answer of a streamed request. */
  stream(facts: AnswerFacts): AnswerStream;
  /**
   * The body of a whole answer. @param answer - The node's, with a status below 400
   *
   * @throws CortexError `node_protocol_error` or `upstream_disconnected` for answers that are none, or the node's error
   */
  whole(answer: Uint8Array, facts: AnswerFacts): string;
}

/**
 * Reads the body of `POST /v1/responses`.
 *
 * @throws CortexError `malformed_json`; `invalid_request` or `unsupported_parameter` with `param`
 */
export function readResponsesRequest(bytes: Uint8Array): ResponsesRequest {
  const request = readRequest(bytes);
  const { chat, isStream, read } = request;
  const encoder = new TextEncoder();
  return {
    isStream,
    dropped: read.dropped,
    named: (model) => encoder.encode(JSON.stringify(toChatBody(chat, { model, stream: isStream }))),
    stream: (facts) => new ResponsesStream(request, facts),
    whole: (answer, facts) => writeResponse(request, answer, facts),
  };
}

/** `/v1/responses`, by `/v1/chat/completions` of a node. */
export const RESPONSES: Dialect = {
  name: 'responses',
  streamType: 'text/event-stream; charset=utf-8',
  async read(bytes, headers) {
    const { model, stream, affinityKey } = await readRequestViewInSlices(bytes, headers);
    const { dropped, ...answered } = readResponsesRequest(bytes);
    return { view: { model, stream, n: 1, affinityKey }, droppedTools: dropped, ...answered };
  },
};
