/** OpenAI's Responses API, without its store: each request has its whole conversation. */
import { affinityKeyOf } from '../../affinity-key.ts';
import { readModelField } from '../../model-field.ts';
import type { ClientBody, Dialect } from '../dialect.ts';
import { affinityTexts, sessionNames } from '../neutral/affinity-texts.ts';
import { fieldCheck } from '../neutral/dialect-field.ts';
import { nodeBody } from '../neutral/node-body.ts';
import { parseBody } from '../neutral/read-json.ts';
import { toChatBody } from '../neutral/to-chat-body.ts';
import { RESPONSES_FIELDS } from './fields.ts';
import { readRequest } from './read-request.ts';
import { responsesStream, writeResponse } from './stream.ts';

const checkFields = fieldCheck(RESPONSES_FIELDS, '/v1/responses');

/** A request as the client sent it. Its whole answers are always translated. */
export type ResponsesRequest = ClientBody & {
  readonly whole: NonNullable<ClientBody['whole']>;
};

/**
 * Reads the body of `POST /v1/responses`.
 *
 * @throws CortexError `malformed_json`; `invalid_request` or `unsupported_parameter` with `param`
 */
export function readResponsesRequest(
  bytes: Uint8Array,
  headers: Headers = new Headers(),
): ResponsesRequest {
  const body = parseBody(bytes);
  const model = readModelField(body['model']);
  // First: what refers to an earlier response may have no input.
  const droppedFields = checkFields(body);
  const request = readRequest(body);
  const { chat, isStream: stream, read } = request;
  const affinityKey = affinityKeyOf(headers, {
    names: sessionNames(body),
    texts: () => affinityTexts(chat.turns),
  });
  return {
    view: { model, stream, n: 1, affinityKey },
    droppedTools: [...read.dropped],
    droppedFields,
    ...nodeBody((name) => toChatBody(chat, { model: name, stream })),
    stream: (facts) => responsesStream(request, facts),
    whole: (answer, facts) => writeResponse(request, answer, facts),
  };
}

/** `/v1/responses`, by `/v1/chat/completions` of a node. */
export const RESPONSES: Dialect = {
  name: 'responses',
  streamType: 'text/event-stream; charset=utf-8',
  read: async (bytes, headers) => readResponsesRequest(bytes, headers),
};
