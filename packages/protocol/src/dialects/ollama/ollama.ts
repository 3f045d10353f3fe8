/** Ollama's API, for nodes that speak OpenAI's. */
import { type AffinityFacts, affinityKeyOf } from '../../affinity-key.ts';
import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import type { RequestView } from '../../request-view.ts';
import type { AnswerFacts, AnswerTimings, ClientBody, Dialect } from '../dialect.ts';
import { sessionNames } from '../neutral/affinity-texts.ts';
import { type DialectRoute, fieldCheck } from '../neutral/dialect-field.ts';
import { callIds } from '../neutral/call-ids.ts';
import type { NodeBody } from '../neutral/node-body.ts';
import { parseAnswer, parseBody } from '../neutral/read-json.ts';
import { OLLAMA_FIELDS } from './fields.ts';
import type { OllamaAnswerOptions } from './node-answer.ts';
import type { NodeRoute, OllamaRequest } from './ollama-request.ts';
import { readOllamaChat } from './read-chat.ts';
import { type OllamaEmbedRequest, readOllamaEmbed, readOllamaEmbeddings } from './read-embed.ts';
import { readOllamaGenerate } from './read-generate.ts';
import { OLLAMA_STREAM_TYPE, ollamaStream } from './stream.ts';
import {
  toOllamaAnswer,
  toOllamaEmbed,
  toOllamaEmbeddings,
  toOllamaLoadAnswer,
} from './whole-answer.ts';
import type { OllamaForm } from './write-answer.ts';

const NODE_PATHS: Readonly<Record<NodeRoute, string>> = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
};

const UNKNOWN: AnswerTimings = { usage: undefined, totalMs: 0 };
const timingsOf = (facts: AnswerFacts): AnswerTimings => facts.timings?.() ?? UNKNOWN;

const noAnswer = (): never => {
  throw new CortexError('internal_error', 'This request has no answer of a node.');
};

function answeredBody(request: OllamaRequest, form: OllamaForm): Omit<ClientBody, 'view'> {
  if (request.kind !== 'answer') {
    const { kind } = request;
    return {
      named: noAnswer,
      stream: noAnswer,
      empty: {
        waitsFor: kind === 'load' ? 'load' : 'nothing',
        answer: (facts) =>
          JSON.stringify(toOllamaLoadAnswer(kind, facts, { form, ...timingsOf(facts) })),
      },
    };
  }
  const { route, body } = request;
  const options = (facts: AnswerFacts): OllamaAnswerOptions => ({
    form,
    newCallId: callIds('call_', facts),
    timings: () => timingsOf(facts),
  });
  return {
    ...body,
    nodePath: NODE_PATHS[route],
    stream: (facts) => ollamaStream(facts, options(facts)),
    whole: (answer, facts) =>
      JSON.stringify(toOllamaAnswer(parseAnswer(answer), facts, options(facts))),
  };
}

/** A body as a route reads it. */
interface ReadBody {
  readonly answered: Omit<ClientBody, 'view'>;
  readonly view: Pick<RequestView, 'model' | 'stream'>;
  /** Texts that identify the conversation; absent: there are none. */
  readonly affinityTexts?: AffinityFacts['texts'] | undefined;
}

function dialectOf(path: DialectRoute, read: (body: JsonObject) => ReadBody): Dialect {
  const checkFields = fieldCheck(OLLAMA_FIELDS, path);
  return {
    name: 'ollama',
    streamType: OLLAMA_STREAM_TYPE,
    async read(bytes, headers) {
      const body = parseBody(bytes);
      const { answered, view, affinityTexts = () => undefined } = read(body);
      const droppedFields = checkFields(body);
      const { model, stream } = view;
      const affinityKey = affinityKeyOf(headers, {
        names: sessionNames(body),
        texts: affinityTexts,
      });
      return { ...answered, droppedFields, view: { stream, model, n: 1, affinityKey } };
    },
  };
}

const generating = (readRequest: (body: unknown) => OllamaRequest, form: OllamaForm): Dialect =>
  dialectOf(`/api/${form}`, (body) => {
    const request = readRequest(body);
    return {
      answered: answeredBody(request, form),
      view: request,
      affinityTexts: request.kind === 'answer' ? request.affinityTexts : undefined,
    };
  });

const embedding = (
  path: DialectRoute,
  readRequest: (body: unknown) => OllamaEmbedRequest,
  write: (answer: unknown, facts: AnswerFacts) => unknown,
): Dialect =>
  dialectOf(path, (parsed) => {
    const { model, body } = readRequest(parsed);
    const answer = (node: unknown, facts: AnswerFacts): string =>
      JSON.stringify(write(node, facts));
    const answered: NodeBody & Pick<ClientBody, 'empty'> = body ?? {
      named: noAnswer,
      empty: { waitsFor: 'load', answer: (facts) => answer(undefined, facts) },
    };
    return {
      answered: {
        ...answered,
        stream: noAnswer,
        whole: (node, facts) => answer(parseAnswer(node), facts),
      },
      view: { model, stream: false },
    };
  });

/** `/api/chat`, by `/v1/chat/completions` of a node. */
export const OLLAMA_CHAT: Dialect = generating(readOllamaChat, 'chat');

/** `/api/generate`, by `/v1/chat/completions` or `/v1/completions` of a node. */
export const OLLAMA_GENERATE: Dialect = generating(readOllamaGenerate, 'generate');

/** `/api/embed`, by `/v1/embeddings` of a node. */
export const OLLAMA_EMBED: Dialect = embedding('/api/embed', readOllamaEmbed, (answer, facts) =>
  toOllamaEmbed(answer, facts, timingsOf(facts)),
);

/** `/api/embeddings`, the older route for one text. */
export const OLLAMA_EMBEDDINGS: Dialect = embedding(
  '/api/embeddings',
  readOllamaEmbeddings,
  toOllamaEmbeddings,
);
