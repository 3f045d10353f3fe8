import type { StepItem, ToolCallDelta } from '@cortex/engine';

import {
  type AnswerIdentity,
  type CallForm,
  type StreamOptions,
  type StreamRenderer,
  wireFinish,
} from './answer.ts';
import { toChatLogprobs } from './logprobs.ts';
import { toCompletionUsage } from './usage.ts';

function formatTool(tool: ToolCallDelta, form: CallForm): string {
  if (form === 'function_call') {
    const call = { name: tool.name, arguments: tool.arguments ?? '' };
    return `"function_call":${JSON.stringify(call)}`;
  }
  const call = {
    index: tool.index,
    id: tool.id,
    ...(tool.name !== undefined && { type: 'function' }),
    function: {
      name: tool.name,
      arguments: tool.arguments ?? '',
    },
  };
  return `"tool_calls":[${JSON.stringify(call)}]`;
}

function formatDelta(item: StepItem, form: CallForm): string {
  const members: string[] = [];
  if (item.reasoning !== undefined) {
    members.push(`"reasoning_content":${JSON.stringify(item.reasoning)}`);
  }
  if (item.text !== undefined) members.push(`"content":${JSON.stringify(item.text)}`);
  if (item.tool) members.push(formatTool(item.tool, form));
  return members.join(',');
}

/**
 * Server-sent events of a chat answer.
 *
 * A chunk is written per token, so chunks are concatenated from prepared parts, and only the new text goes through
 * `JSON.stringify`.
 */
export function createChatStream(
  identity: AnswerIdentity,
  { n, includeUsage, callForm }: StreamOptions,
): StreamRenderer {
  const head = `data: {"id":${JSON.stringify(identity.id)},"object":"chat.completion.chunk","created":${identity.created},"model":${JSON.stringify(identity.model)},"choices":[`;
  const tail = includeUsage === true ? '],"usage":null}\n\n' : ']}\n\n';

  const chunk = (choice: string): string => head + choice + tail;

  function formatItem(item: StepItem): string {
    const logprobs = item.logprobs ? JSON.stringify(toChatLogprobs(item.logprobs)) : 'null';
    return chunk(
      `{"index":${item.index ?? 0},"delta":{${formatDelta(item, callForm)}},"logprobs":${logprobs},"finish_reason":null}`,
    );
  }

  return {
    accepted() {
      let text = '';
      for (let index = 0; index < n; index += 1) {
        text += chunk(
          `{"index":${index},"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}`,
        );
      }
      return text;
    },
    items: (items) => items.map(formatItem).join(''),
    finish({ finish, usage }) {
      const usageJson = JSON.stringify(toCompletionUsage(usage));
      let text = '';
      finish.forEach(({ reason, matchedStop }, index) => {
        const stop =
          matchedStop === undefined ? '' : `,"stop_reason":${JSON.stringify(matchedStop)}`;
        const choice = `{"index":${index},"delta":{},"logprobs":null,"finish_reason":"${wireFinish(reason, callForm)}"${stop}}`;
        const carriesUsage = includeUsage === undefined && index === finish.length - 1;
        text += carriesUsage ? `${head}${choice}],"usage":${usageJson}}\n\n` : chunk(choice);
      });
      return includeUsage === true ? `${text}${head}],"usage":${usageJson}}\n\n` : text;
    },
  };
}
