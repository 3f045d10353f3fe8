import { routePath } from '@cortex/service';

/** Paths below `/v1` that are also served without it: local clients use the server's address as the base URL. */
const WITHOUT_V1 =
  /^\/(?:chat\/completions|completions|responses|messages(?:\/count_tokens)?|embeddings|rerank|models(?:\/.+)?)$/;
/** Inference at the base URL of clients that detect LM Studio. */
const LM_STUDIO = /^\/api\/v0(\/(?:chat\/completions|completions|embeddings))$/;

/** The path that decides the route of a client's request. */
export function clientPath(request: Request): string {
  const path = routePath(request);
  return WITHOUT_V1.test(path) ? `/v1${path}` : path.replace(LM_STUDIO, '/v1$1');
}
