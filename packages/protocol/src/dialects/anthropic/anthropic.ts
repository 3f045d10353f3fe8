/** Anthropic's Messages API, for nodes that speak chat completions. */
import { affinityKeyOf } from '../../affinity-key.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { readModelField } from '../../model-field.ts';
import type { AnswerFacts, ClientBody, Dialect } from '../dialect.ts';
import { affinityTexts, sessionNames } from '../neutral/affinity-texts.ts';
import { type DialectRoute, fieldCheck } from '../neutral/dialect-field.ts';
import { callIds } from '../neutral/call-ids.ts';
import { nodeBody } from '../neutral/node-body.ts';
import { parseAnswer, parseBody } from '../neutral/read-json.ts';
import { toChatBody } from '../neutral/to-chat-body.ts';
import { readCountAnswer, toCountBody } from './count-tokens.ts';
import { ANTHROPIC_FIELDS } from './fields.ts';
import { type MessagesRequest, readMessagesRequest } from './read-request.ts';
import { messageStream } from './stream.ts';
import { toMessage } from './write-answer.ts';

const CALL_PREFIX = 'toolu_';

/** What the routes of this API do in their own way. */
interface Route {
  readonly path: DialectRoute;
  readonly toNode: (request: MessagesRequest, model: string) => JsonObject;
  readonly whole: (answer: Uint8Array, facts: AnswerFacts) => string;
}

function dialectOf({ path, toNode, whole }: Route): Dialect {
  const checkFields = fieldCheck(ANTHROPIC_FIELDS, path);
  return {
    name: 'anthropic',
    streamType: 'text/event-stream; charset=utf-8',
    requestIdHeader: 'request-id',
    async read(bytes, headers): Promise<ClientBody> {
      const body = parseBody(bytes);
      const model = readModelField(body['model']);
      const request = readMessagesRequest(body);
      const droppedFields = checkFields(body);
      const affinityKey = affinityKeyOf(headers, {
        names: sessionNames(body),
        texts: () => affinityTexts(request.chat.turns),
      });
      return {
        view: { model, stream: request.stream, n: 1, affinityKey },
        ...nodeBody((name) => toNode(request, name)),
        droppedTools: request.dropped,
        droppedFields,
        stream: (facts) => messageStream(facts, callIds(CALL_PREFIX, facts)),
        whole,
      };
    },
  };
}

/** `/v1/messages`, by `/v1/chat/completions` of a node. */
export const ANTHROPIC: Dialect = dialectOf({
  path: '/v1/messages',
  toNode: ({ chat, stream }, model) => toChatBody(chat, { model, stream }),
  whole: (answer, facts) =>
    JSON.stringify(toMessage(parseAnswer(answer), facts, callIds(CALL_PREFIX, facts))),
});

/** `/v1/messages/count_tokens`, by `/count-tokens` of a node. */
export const ANTHROPIC_COUNT: Dialect = dialectOf({
  path: '/v1/messages/count_tokens',
  toNode: toCountBody,
  whole: (answer) => JSON.stringify(readCountAnswer(parseAnswer(answer))),
});
