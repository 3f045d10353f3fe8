import { CortexError } from '@cortex/protocol';

import { type ChatTemplate, toTemplateInput } from '../templates/chat-template.ts';
import { type ChatBody, type Tool } from './chat-body.ts';

export interface PreparedChat {
  readonly prompt: string;
  readonly offersTools: boolean;
}

/**
 * The prompt of a chat.
 *
 * @throws CortexError `unsupported_parameter` for what this engine does not do, `template_render_failed`,
 *   `vision_unsupported`. Nothing that was asked for is dropped in silence.
 */
export function prepareChat(body: ChatBody, template: ChatTemplate | undefined): PreparedChat {
  refuseUnsupported(body);
  if (template === undefined) {
    throw new CortexError(
      'unsupported_parameter',
      'This model has no chat template. Use /v1/completions.',
      { param: 'messages' },
    );
  }
  const tools = offeredTools(body);
  return { prompt: template.render(toTemplateInput(body, tools)), offersTools: tools.length > 0 };
}

/** The tools of a request: none when `tool_choice` says so; the legacy `functions` in today's form. */
function offeredTools(body: ChatBody): readonly Tool[] {
  if (body.tool_choice === 'none' || body.function_call === 'none') return [];
  return (
    body.tools ?? body.functions?.map((fn) => ({ type: 'function' as const, function: fn })) ?? []
  );
}

function refuseUnsupported(body: ChatBody): void {
  const refuse = (param: string, why: string): never => {
    throw new CortexError('unsupported_parameter', `"${param}" ${why}.`, { param });
  };
  const tools = body.tools?.length ?? 0;
  if (
    tools > 0 &&
    body.tool_choice !== undefined &&
    body.tool_choice !== 'auto' &&
    body.tool_choice !== 'none'
  ) {
    refuse('tool_choice', 'other than "auto" or "none" is not supported by this engine yet');
  }
  if (typeof body.function_call === 'object')
    refuse('function_call', 'with a name is not supported by this engine yet');
  if (tools > 0 && body.parallel_tool_calls === false)
    refuse('parallel_tool_calls', 'false is not supported by this engine yet');
  if (body.response_format !== undefined && body.response_format.type !== 'text') {
    refuse('response_format', `"${body.response_format.type}" is not supported by this engine yet`);
  }
  if (body.top_logprobs !== undefined && body.top_logprobs > 0 && body.logprobs !== true)
    refuse('top_logprobs', 'needs "logprobs": true');
}
