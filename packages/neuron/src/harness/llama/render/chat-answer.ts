import type { StepItem, TokenLogprob, ToolCallDelta } from '@cortex/engine';

import {
  type AnswerIdentity,
  type AnswerOptions,
  type AnswerRenderer,
  type CallForm,
  wireFinish,
} from './answer.ts';
import { toChatLogprobs } from './logprobs.ts';
import { toCompletionUsage } from './usage.ts';

interface ToolCallParts {
  id: string;
  name: string;
  readonly arguments: string[];
}

interface ChoiceParts {
  readonly text: string[];
  readonly reasoning: string[];
  readonly tools: ToolCallParts[];
  readonly logprobs: TokenLogprob[];
}

const emptyChoice = (): ChoiceParts => ({ text: [], reasoning: [], tools: [], logprobs: [] });

function addTool(tools: ToolCallParts[], delta: ToolCallDelta): void {
  const call = (tools[delta.index] ??= { id: '', name: '', arguments: [] });
  if (delta.id !== undefined) call.id = delta.id;
  if (delta.name !== undefined) call.name += delta.name;
  if (delta.arguments !== undefined) call.arguments.push(delta.arguments);
}

function formatCalls(tools: readonly ToolCallParts[], form: CallForm): Record<string, unknown> {
  const [first] = tools;
  if (first === undefined) return {};
  if (form === 'function_call') return { function_call: formatFunction(first) };
  return {
    tool_calls: tools.map((call) => ({
      id: call.id,
      type: 'function',
      function: formatFunction(call),
    })),
  };
}

const formatFunction = (call: ToolCallParts): Record<string, string> => ({
  name: call.name,
  arguments: call.arguments.join(''),
});

function formatMessage(
  { text, reasoning, tools }: ChoiceParts,
  form: CallForm,
): Record<string, unknown> {
  const content = text.join('');
  return {
    role: 'assistant',
    // OpenAI sends null if an answer has only calls.
    content: content === '' && tools.length > 0 ? null : content,
    refusal: null,
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
    ...formatCalls(tools, form),
  };
}

/** A chat answer that is not streamed. */
export function createChatAnswer(
  identity: AnswerIdentity,
  { callForm }: AnswerOptions,
): AnswerRenderer {
  const choices: ChoiceParts[] = [];

  function add(item: StepItem): void {
    const choice = (choices[item.index ?? 0] ??= emptyChoice());
    if (item.text !== undefined) choice.text.push(item.text);
    if (item.reasoning !== undefined) choice.reasoning.push(item.reasoning);
    if (item.tool) addTool(choice.tools, item.tool);
    if (item.logprobs) choice.logprobs.push(...item.logprobs);
  }

  return {
    items: (items) => items.forEach(add),
    finish: ({ finish, usage }) => ({
      id: identity.id,
      object: 'chat.completion',
      created: identity.created,
      model: identity.model,
      choices: finish.map(({ reason, matchedStop }, index) => {
        const choice = choices[index] ?? emptyChoice();
        return {
          index,
          message: formatMessage(choice, callForm),
          logprobs: choice.logprobs.length > 0 ? toChatLogprobs(choice.logprobs) : null,
          finish_reason: wireFinish(reason, callForm),
          stop_reason: matchedStop,
        };
      }),
      usage: toCompletionUsage(usage),
    }),
  };
}
