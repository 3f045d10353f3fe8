/** What the dialects make of a request, for tests that compare two requests. */
import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import { ANTHROPIC, ANTHROPIC_COUNT } from '../anthropic/anthropic.ts';
import type { Dialect } from '../dialect.ts';
import type { DialectRoute } from '../neutral/dialect-field.ts';
import { readOllamaShow } from '../ollama/model-lists.ts';
import { OLLAMA_CHAT, OLLAMA_EMBED, OLLAMA_EMBEDDINGS, OLLAMA_GENERATE } from '../ollama/ollama.ts';
import { RESPONSES } from '../responses/responses.ts';

const DIALECTS: Readonly<Record<Exclude<DialectRoute, '/api/show'>, Dialect>> = {
  '/v1/messages': ANTHROPIC,
  '/v1/messages/count_tokens': ANTHROPIC_COUNT,
  '/v1/responses': RESPONSES,
  '/api/chat': OLLAMA_CHAT,
  '/api/generate': OLLAMA_GENERATE,
  '/api/embed': OLLAMA_EMBED,
  '/api/embeddings': OLLAMA_EMBEDDINGS,
};

const FACTS = { requestId: 'req_1', model: 'm', createdS: 1 };

/** One answer of a node for all routes, with what each of them reads. */
const NODE_ANSWER = JSON.stringify({
  object: 'list',
  model: 'm',
  input_tokens: 3,
  data: [{ object: 'embedding', index: 0, embedding: [1, 0] }],
  choices: [
    {
      index: 0,
      text: 'Hi',
      message: { role: 'assistant', content: 'Hi', reasoning_content: 'A greeting.' },
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 3, completion_tokens: 1, total_tokens: 4 },
});

const encoder = new TextEncoder();

/** What the client gets. A response repeats the settings of its request, which says nothing of their effect. */
function answerPart(answer: string): unknown {
  const read: unknown = JSON.parse(answer);
  if (!isJsonObject(read) || read['object'] !== 'response') return read;
  return { output: read['output'], metadata: read['metadata'] };
}

export interface FieldReading {
  readonly droppedFields: readonly string[];
  readonly droppedTools: readonly string[];
  /** All else: what the gateway knows of the request, what its node gets, and what the client gets. */
  readonly read: unknown;
}

/** @throws CortexError as the reader of `route` does */
export async function readingOf(route: DialectRoute, body: JsonObject): Promise<FieldReading> {
  if (route === '/api/show')
    return { droppedFields: [], droppedTools: [], read: readOllamaShow(body) };
  const bytes = encoder.encode(JSON.stringify(body));
  const request = await DIALECTS[route].read(bytes, new Headers());
  const { view, nodePath, empty, droppedFields = [], droppedTools = [] } = request;
  const answered =
    empty === undefined
      ? {
          node: JSON.parse(new TextDecoder().decode(request.named('m'))),
          answer: answerPart(request.whole?.(encoder.encode(NODE_ANSWER), FACTS) ?? 'null'),
        }
      : { waitsFor: empty.waitsFor };
  const known = { ...view, affinityKey: view.affinityKey() };
  return { droppedFields, droppedTools, read: { known, nodePath, ...answered } };
}
