import { CortexError } from '@cortex/protocol';

import type { ChatBody, Tool } from './chat-body.ts';

/** The value of `tool_choice`, including the legacy `function_call`. */
export type ToolChoice =
  | { readonly kind: 'auto' | 'none' | 'required'; readonly names?: readonly string[] | undefined }
  | { readonly kind: 'named'; readonly name: string };

/** The tools of a request; the legacy `functions` are converted. */
export const offeredTools = (body: ChatBody): readonly Tool[] =>
  body.tools ?? body.functions?.map((fn) => ({ type: 'function' as const, function: fn })) ?? [];

/** `tool_choice` or the legacy `function_call`; `auto` when absent. */
export function readChoice(body: ChatBody): ToolChoice {
  const choice = body.tool_choice ?? body.function_call ?? 'auto';
  if (typeof choice === 'string') return { kind: choice };
  if ('mode' in choice) return { kind: choice.mode, names: choice.names };
  return { kind: 'named', name: choice.name };
}

/** The tools that an answer may call. @throws CortexError `invalid_request` if one of them is not in the request. */
export function allowedTools(tools: readonly Tool[], choice: ToolChoice): readonly Tool[] {
  if (choice.kind === 'none') return [];
  if (choice.kind === 'named' || choice.names === undefined) return tools;
  const { names } = choice;
  const missing = names.find((name) => !tools.some((tool) => tool.function.name === name));
  if (missing !== undefined) throw unknownTool(missing);
  return tools.filter((tool) => names.includes(tool.function.name));
}

/** The error for a tool that is named, but not offered. */
export const unknownTool = (name: string): CortexError =>
  new CortexError(
    'invalid_request',
    `"tool_choice" names "${name}", which is not among the tools.`,
    { param: 'tool_choice' },
  );

/** Whether the answer must be a call. */
export const isEnforced = ({ kind }: ToolChoice): boolean =>
  kind === 'required' || kind === 'named';

/** An answer to `functions` can contain only one call. */
export const isSingleCall = ({
  parallel_tool_calls: isParallel,
  tools,
  functions,
}: ChatBody): boolean => isParallel === false || (tools === undefined && functions !== undefined);
