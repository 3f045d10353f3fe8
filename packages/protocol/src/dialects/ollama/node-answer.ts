import { isJsonObject } from '../../json/json-object.ts';
import type { NodeRoute } from './ollama-request.ts';
import type { AnswerTimings } from '../dialect.ts';
import type { OllamaForm } from './write-answer.ts';

/** How the answer of a node becomes one of this API. */
export interface OllamaAnswerOptions {
  /** The route of the client. */
  readonly form: OllamaForm;
  /** The route of the node. */
  readonly route: NodeRoute;
  /** Makes an id for a call that has none of its own. */
  readonly newCallId: () => string;
  /** Asked once, at the end. */
  readonly timings: () => AnswerTimings;
}

/**
 * A chunk or a whole answer in the form of `/v1/chat/completions`. Answers of `/v1/completions` have `text` in place of a
 * delta or a message.
 */
export function asChatAnswer(answer: unknown, route: NodeRoute): unknown {
  if (route === 'chat' || !isJsonObject(answer)) return answer;
  const { choices, ...others } = answer;
  if (!Array.isArray(choices)) return answer;
  return {
    ...others,
    choices: choices.map((choice: unknown) => {
      if (!isJsonObject(choice)) return choice;
      const { text, ...rest } = choice;
      return { ...rest, delta: { content: text }, message: { content: text } };
    }),
  };
}
