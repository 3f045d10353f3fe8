import type { EngineCapability } from '@cortex/engine';

const WORDS: Partial<Record<EngineCapability, string>> = {
  chat: 'text',
  completions: 'text',
  tools: 'tools',
  reasoning: 'reasoning',
  embedding: 'embedding',
  rerank: 'rerank',
  structured: 'structured',
  insert: 'insert',
};

/** Maps engine capabilities to their names in `/models`. */
export const toCapabilityWords = (capabilities: readonly EngineCapability[]): string[] => [
  ...new Set(capabilities.flatMap((capability) => WORDS[capability] ?? [])),
];
