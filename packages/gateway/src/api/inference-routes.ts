import { type Api } from '../metering/request-record.ts';

/** A route whose body is forwarded and whose answer is relayed. */
export interface InferenceRoute {
  /** Its label in metrics and records (contracts, section 5). */
  readonly api: Api;
  /** With its leading slash; the same at cortex and at the nodes. */
  readonly path: string;
  /** `stream: true` in the body asks for events; other routes ignore that field. */
  readonly canStream: boolean;
  /** It takes a slot of the node. Tokenizer routes do not, and are answered while all slots are taken. */
  readonly takesSlot: boolean;
  /** Its body may be a form with files. */
  readonly takesForms?: boolean | undefined;
}

/** All inference routes (contracts, section 1). */
export const INFERENCE_ROUTES: readonly InferenceRoute[] = [
  { api: 'chat', path: '/v1/chat/completions', canStream: true, takesSlot: true },
  { api: 'completions', path: '/v1/completions', canStream: true, takesSlot: true },
  { api: 'embeddings', path: '/v1/embeddings', canStream: false, takesSlot: true },
  { api: 'rerank', path: '/v1/rerank', canStream: false, takesSlot: true },
  { api: 'images', path: '/v1/images/generations', canStream: false, takesSlot: true },
  {
    api: 'audio',
    path: '/v1/audio/transcriptions',
    canStream: false,
    takesSlot: true,
    takesForms: true,
  },
  {
    api: 'audio',
    path: '/v1/audio/translations',
    canStream: false,
    takesSlot: true,
    takesForms: true,
  },
  { api: 'audio', path: '/v1/audio/speech', canStream: false, takesSlot: true },
  { api: 'tokenize', path: '/tokenize', canStream: false, takesSlot: false },
  { api: 'tokenize', path: '/detokenize', canStream: false, takesSlot: false },
];

/** Whether `path` is an inference route. */
export const isInferencePath = (path: string): boolean =>
  INFERENCE_ROUTES.some((route) => route.path === path);
