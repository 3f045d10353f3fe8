import type { Engine } from '@cortex/engine';
import { contextLengthExceeded } from '@cortex/protocol';

import type { GenerateRoutePath } from '../harness.ts';

type Body = Readonly<Record<string, unknown>>;

/** Tokens of a completion's prompt; undefined for prompt forms that only the engine checks. */
async function countPrompt(engine: Engine, { prompt }: Body): Promise<number | undefined> {
  if (typeof prompt === 'string') {
    return (await engine.tokenize(prompt, { addSpecial: true, parseSpecial: true })).length;
  }
  const isTokens = Array.isArray(prompt) && prompt.every((item) => typeof item === 'number');
  return isTokens ? prompt.length : undefined;
}

/** @throws CortexError `context_length_exceeded`, or an error naming the problem of the body */
export async function checkAnswerable(
  route: GenerateRoutePath,
  body: Body,
  { engine, contextTokens }: { readonly engine: Engine; readonly contextTokens: number },
): Promise<void> {
  const promptTokens =
    route === '/v1/chat/completions' ? await engine.count(body) : await countPrompt(engine, body);
  if (promptTokens === undefined || promptTokens < contextTokens) return;
  throw contextLengthExceeded({ promptTokens, maxTokens: contextTokens });
}
