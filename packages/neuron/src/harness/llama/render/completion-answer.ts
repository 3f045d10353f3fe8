import type { TokenLogprob } from '@cortex/engine';

import { type AnswerIdentity, type AnswerRenderer, wireFinish } from './answer.ts';
import { toCompletionLogprobs } from './logprobs.ts';
import { toCompletionUsage } from './usage.ts';

/** A text completion that is not streamed. */
export function createCompletionAnswer(identity: AnswerIdentity): AnswerRenderer {
  const choices: { readonly text: string[]; readonly logprobs: TokenLogprob[] }[] = [];
  return {
    items(items) {
      for (const item of items) {
        const choice = (choices[item.index ?? 0] ??= { text: [], logprobs: [] });
        if (item.text !== undefined) choice.text.push(item.text);
        if (item.logprobs) choice.logprobs.push(...item.logprobs);
      }
    },
    finish: ({ finish, usage }) => ({
      id: identity.id,
      object: 'text_completion',
      created: identity.created,
      model: identity.model,
      choices: finish.map(({ reason, matchedStop }, index) => {
        const choice = choices[index] ?? { text: [], logprobs: [] };
        return {
          index,
          text: choice.text.join(''),
          logprobs: choice.logprobs.length > 0 ? toCompletionLogprobs(choice.logprobs, 0) : null,
          finish_reason: wireFinish(reason),
          stop_reason: matchedStop,
        };
      }),
      usage: toCompletionUsage(usage),
    }),
  };
}
