import type { ChatRequest, Part, Tool, ToolChoice, Turn } from './conversation.ts';

type Json = Readonly<Record<string, unknown>>;

/** Text alone is a string: a template may render a list of parts in another way, which would lose the prefix cache. */
function contentOf(parts: readonly Part[]): unknown {
  if (parts.every((part) => part.type === 'text')) return parts.map(({ text }) => text).join('\n');
  return parts.map((part) =>
    part.type === 'text'
      ? { type: 'text', text: part.text }
      : { type: 'image_url', image_url: { url: part.url } },
  );
}

function messageOf(turn: Turn): Json {
  switch (turn.role) {
    case 'system':
    case 'user':
      return { role: turn.role, content: contentOf(turn.parts) };
    case 'tool':
      return { role: 'tool', tool_call_id: turn.callId, content: contentOf(turn.parts) };
    case 'assistant':
      return {
        role: 'assistant',
        content: turn.text,
        reasoning_content: turn.reasoning,
        tool_calls:
          turn.calls.length === 0
            ? undefined
            : turn.calls.map(({ id, name, arguments: text }) => ({
                id,
                type: 'function',
                function: { name, arguments: text },
              })),
      };
  }
}

const toolOf = ({ name, description, parameters, strict }: Tool): Json => ({
  type: 'function',
  function: { name, description, parameters, strict },
});

const choiceOf = (choice: ToolChoice | undefined): unknown =>
  typeof choice === 'object' ? { type: 'function', function: { name: choice.name } } : choice;

/** Effort for a request that only says whether the model thinks. */
const EFFORTS = new Map([
  [true, 'medium'],
  [false, 'none'],
]);

/**
 * The request as a body for `/v1/chat/completions` of a node, with `model`. A stream ends with its usage. Members that
 * the request does not have are absent, so that the same conversation gives the same bytes.
 */
export function toChatBody(
  request: ChatRequest,
  { model, stream }: { readonly model: string; readonly stream: boolean },
): Json {
  const { turns, tools, toolChoice, stop, thinks, effort, answerSchema } = request;
  return {
    model,
    messages: turns.map(messageOf),
    tools: tools.length === 0 ? undefined : tools.map(toolOf),
    // Without tools a choice among them means nothing, and some nodes refuse it.
    tool_choice: tools.length === 0 ? undefined : choiceOf(toolChoice),
    parallel_tool_calls: tools.length === 0 ? undefined : request.parallelToolCalls,
    max_tokens: request.maxTokens,
    temperature: request.temperature,
    top_p: request.topP,
    top_k: request.topK,
    stop: stop.length === 0 ? undefined : stop,
    reasoning_effort: effort ?? (thinks === undefined ? undefined : EFFORTS.get(thinks)),
    thinking_budget_tokens: request.thinkingBudget,
    response_format:
      answerSchema === undefined
        ? undefined
        : { type: 'json_schema', json_schema: { name: 'answer', schema: answerSchema } },
    continue_final_message: request.continuesLast,
    add_generation_prompt: request.continuesLast === true ? false : undefined,
    user: request.user,
    stream: stream ? true : undefined,
    stream_options: stream ? { include_usage: true } : undefined,
  };
}
