import { CortexError } from '@cortex/protocol';

import type { Model } from '../binding.ts';
import type { ChatBody, ChatMessage } from '../request/chat-body.ts';

type TemplateMessage = Record<string, unknown>;

/** What a chat template is given, whoever asks. */
export interface TemplateInput {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly unknown[];
  /** `enable_thinking`, `reasoning_effort` and whatever else the caller hands to the template. */
  readonly variables: Readonly<Record<string, unknown>>;
}

/** The GGUF's own Jinja template, rendered natively. */
export class ChatTemplate {
  readonly #render: (variables: Record<string, unknown>) => string;
  readonly #special: { readonly bos_token: string; readonly eos_token: string };

  /** @throws when the template does not compile. */
  constructor(model: Model, template: string) {
    this.#render = model.compileTemplate(template);
    this.#special = { bos_token: model.bosText, eos_token: model.eosText };
  }

  /** @throws CortexError `template_render_failed` with the template's own words. */
  render(input: TemplateInput): string {
    try {
      return this.#render({
        ...this.#special,
        ...input.variables,
        messages: input.messages.map(toTemplateMessage),
        // Templates ask `if tools`: none is absent, not an empty list.
        ...(input.tools.length > 0 && { tools: input.tools }),
        add_generation_prompt: true,
      });
    } catch (error) {
      const reason =
        error instanceof Error ? error.message.replace(/^AddonJinjaRenderer: /, '') : String(error);
      throw new CortexError(
        'template_render_failed',
        `The model's chat template refuses this conversation: ${reason}`,
        {
          param: 'messages',
          cause: error,
        },
      );
    }
  }
}

/** What a chat body asks of the template. */
export function toTemplateInput(body: ChatBody, tools: readonly unknown[]): TemplateInput {
  return {
    messages: body.messages,
    tools,
    variables: {
      ...body.chat_template_kwargs,
      ...(body.enable_thinking !== undefined && { enable_thinking: body.enable_thinking }),
      ...(body.reasoning_effort !== undefined && { reasoning_effort: body.reasoning_effort }),
    },
  };
}

/** A message in the form that templates are written for: text content, arguments as objects. */
function toTemplateMessage(message: ChatMessage, at: number): TemplateMessage {
  const { role, content, tool_calls: calls, ...rest } = message;
  return {
    ...rest,
    role: role === 'developer' ? 'system' : role === 'function' ? 'tool' : role,
    content: toText(content, at) ?? (calls === undefined ? '' : null),
    ...(calls !== undefined && {
      tool_calls: calls.map((call) => ({
        ...call,
        function: { ...call.function, arguments: toArguments(call.function.arguments) },
      })),
    }),
  };
}

/** @throws CortexError `vision_unsupported`, `unsupported_parameter` for parts that are no text. */
function toText(content: ChatMessage['content'], at: number): string | null {
  if (content === null || typeof content === 'string') return content;
  const texts = content.map((part, i) => {
    if ('text' in part && typeof part.text === 'string') return part.text;
    const param = `messages[${at}].content[${i}]`;
    if (part.type.includes('image')) {
      throw new CortexError(
        'vision_unsupported',
        'This model cannot read images. Remove the image, or choose a model with vision.',
        { param },
      );
    }
    throw new CortexError(
      'unsupported_parameter',
      `Content of type "${part.type}" is not supported by this model.`,
      { param },
    );
  });
  return texts.join('');
}

/** Templates print arguments with `tojson`, so text is parsed first; what is no JSON stays text. */
function toArguments(given: string | Readonly<Record<string, unknown>>): unknown {
  if (typeof given !== 'string') return given;
  if (given.trim() === '') return {};
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}
