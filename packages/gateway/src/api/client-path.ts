import { routePath } from '@cortex/service';

/** Paths below `/v1` that are served without it as well: local clients take the server's address for the base URL. */
const WITHOUT_V1 = /^\/(?:chat\/completions|completions|embeddings|rerank|models(?:\/.+)?)$/;

/** The path by which a request of a client is routed. */
export function clientPath(request: Request): string {
  const path = routePath(request);
  return WITHOUT_V1.test(path) ? `/v1${path}` : path;
}
