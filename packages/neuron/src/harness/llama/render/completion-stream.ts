import type { StepItem } from '@cortex/engine';
import { SSE_KEEP_ALIVE } from '@cortex/protocol';

import {
  type AnswerIdentity,
  type StreamOptions,
  type StreamRenderer,
  wireFinish,
} from './answer.ts';
import { toCompletionLogprobs } from './logprobs.ts';
import { toCompletionUsage } from './usage.ts';

/** Server-sent events of a text completion. There is no role chunk, so a comment reports the acceptance. */
export function createCompletionStream(
  identity: AnswerIdentity,
  { includeUsage }: StreamOptions,
): StreamRenderer {
  const head = `data: {"id":${JSON.stringify(identity.id)},"object":"text_completion","created":${identity.created},"model":${JSON.stringify(identity.model)},"choices":[`;
  const tail = includeUsage === true ? '],"usage":null}\n\n' : ']}\n\n';
  const offsets = new Map<number, number>();

  function formatItem(item: StepItem): string {
    const index = item.index ?? 0;
    const text = item.text ?? '';
    const offset = offsets.get(index) ?? 0;
    offsets.set(index, offset + text.length);
    const logprobs = item.logprobs
      ? JSON.stringify(toCompletionLogprobs(item.logprobs, offset))
      : 'null';
    return `${head}{"index":${index},"text":${JSON.stringify(text)},"logprobs":${logprobs},"finish_reason":null}${tail}`;
  }

  return {
    accepted: () => SSE_KEEP_ALIVE,
    items: (items) => items.map(formatItem).join(''),
    finish({ finish, usage }) {
      const usageJson = JSON.stringify(toCompletionUsage(usage));
      let text = '';
      finish.forEach(({ reason, matchedStop }, index) => {
        const stop =
          matchedStop === undefined ? '' : `,"stop_reason":${JSON.stringify(matchedStop)}`;
        const choice = `{"index":${index},"text":"","logprobs":null,"finish_reason":"${wireFinish(reason)}"${stop}}`;
        const carriesUsage = includeUsage === undefined && index === finish.length - 1;
        text += head + choice + (carriesUsage ? `],"usage":${usageJson}}\n\n` : tail);
      });
      return includeUsage === true ? `${text}${head}],"usage":${usageJson}}\n\n` : text;
    },
  };
}
