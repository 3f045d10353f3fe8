import { type Dialect } from '@cortex/protocol';

/** The dialect of a client on routes that both dialects have: Anthropic clients always send their version. */
export const dialectOf = (headers: Headers): Dialect =>
  headers.has('anthropic-version') ? 'anthropic' : 'openai';
