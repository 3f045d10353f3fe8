import {
  ANTHROPIC,
  ANTHROPIC_COUNT,
  type Dialect,
  OLLAMA_CHAT,
  OLLAMA_EMBED,
  OLLAMA_EMBEDDINGS,
  OLLAMA_GENERATE,
  OPENAI,
  OPENAI_WITH_FORMS,
  RESPONSES,
} from '@cortex/protocol';

import { type Api } from '../metering/request-record.ts';

/** A route whose requests are answered by nodes. */
export interface InferenceRoute {
  /** Its label in metrics and records (contracts, section 5). */
  readonly api: Api;
  /** With its leading slash. */
  readonly path: string;
  /** At the nodes, where a request does not say another one. */
  readonly nodePath: string;
  /** The API that its clients speak. */
  readonly dialect: Dialect;
  /** `stream: true` in the body asks for events; other routes ignore that field. */
  readonly canStream: boolean;
  /** It takes a slot of the node. Tokenizer routes do not, and are answered while all slots are taken. */
  readonly takesSlot: boolean;
}

/** A route that nodes have under the same path. */
const same = (
  api: Api,
  path: string,
  { canStream = false, takesSlot = true, dialect = OPENAI } = {},
): InferenceRoute => ({ api, path, nodePath: path, dialect, canStream, takesSlot });

/** The route of nodes for chats, the only one whose answers can have reasoning. */
export const CHAT = '/v1/chat/completions';

/** A route that is answered by the chat of nodes. */
const byChat = (api: Api, path: string, dialect: Dialect): InferenceRoute => ({
  api,
  path,
  nodePath: CHAT,
  dialect,
  canStream: true,
  takesSlot: true,
});

/** All inference routes (contracts, section 1). */
export const INFERENCE_ROUTES: readonly InferenceRoute[] = [
  same('chat', CHAT, { canStream: true }),
  same('completions', '/v1/completions', { canStream: true }),
  byChat('messages', '/v1/messages', ANTHROPIC),
  {
    api: 'count_tokens',
    path: '/v1/messages/count_tokens',
    nodePath: '/count-tokens',
    dialect: ANTHROPIC_COUNT,
    canStream: false,
    takesSlot: false,
  },
  byChat('responses', '/v1/responses', RESPONSES),
  byChat('ollama', '/api/chat', OLLAMA_CHAT),
  byChat('ollama', '/api/generate', OLLAMA_GENERATE),
  { ...same('ollama', '/v1/embeddings', { dialect: OLLAMA_EMBED }), path: '/api/embed' },
  { ...same('ollama', '/v1/embeddings', { dialect: OLLAMA_EMBEDDINGS }), path: '/api/embeddings' },
  same('embeddings', '/v1/embeddings'),
  same('rerank', '/v1/rerank'),
  same('images', '/v1/images/generations'),
  same('audio', '/v1/audio/transcriptions', { dialect: OPENAI_WITH_FORMS }),
  same('audio', '/v1/audio/translations', { dialect: OPENAI_WITH_FORMS }),
  same('audio', '/v1/audio/speech'),
  same('tokenize', '/tokenize', { takesSlot: false }),
  same('tokenize', '/detokenize', { takesSlot: false }),
];

/** Whether `path` is an inference route. */
export const isInferencePath = (path: string): boolean =>
  INFERENCE_ROUTES.some((route) => route.path === path);
