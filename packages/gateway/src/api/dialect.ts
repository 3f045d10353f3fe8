import { type DialectName } from '@cortex/protocol';

import { INFERENCE_ROUTES } from './inference-routes.ts';

/** User agents of Claude Code, whose discovery of models sends no version of the API. */
const CLAUDE_CODE = /^claude-(?:code|cli)\//;

/** The dialect of a client on routes that both dialects have: Anthropic clients send their version. */
export const dialectOf = (headers: Headers): DialectName =>
  headers.has('anthropic-version') || CLAUDE_CODE.test(headers.get('user-agent') ?? '')
    ? 'anthropic'
    : 'openai';

/** Paths of Ollama's API, also those that are not served. `/api/v0` is LM Studio's. */
const OLLAMA_PATH = /^\/api\/(?!v0(?:\/|$))/;

/** The dialect of a request that no handler has answered: that of its path, else that of its client. */
export function dialectOfPath(path: string, headers: Headers): DialectName {
  const route = INFERENCE_ROUTES.find((known) => known.path === path);
  if (route !== undefined) return route.dialect.name;
  return OLLAMA_PATH.test(path) ? 'ollama' : dialectOf(headers);
}
