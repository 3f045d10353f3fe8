import { type Dialect, OPENAI, OPENAI_WITH_FORMS } from '@cortex/protocol';

import { type Api } from '../metering/request-record.ts';

/** A route whose requests are answered by nodes. */
export interface InferenceRoute {
  /** Its label in metrics and records (contracts, section 5). */
  readonly api: Api;
  /** With its leading slash. */
  readonly path: string;
  /** At the nodes. */
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

/** All inference routes (contracts, section 1). */
export const INFERENCE_ROUTES: readonly InferenceRoute[] = [
  same('chat', '/v1/chat/completions', { canStream: true }),
  same('completions', '/v1/completions', { canStream: true }),
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
