import { type DialectName } from '@cortex/protocol';

/** User agents of Claude Code, whose discovery of models sends no version of the API. */
const CLAUDE_CODE = /^claude-(?:code|cli)\//;

/** The dialect of a client on routes that both dialects have: Anthropic clients send their version. */
export const dialectOf = (headers: Headers): DialectName =>
  headers.has('anthropic-version') || CLAUDE_CODE.test(headers.get('user-agent') ?? '')
    ? 'anthropic'
    : 'openai';
