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

export interface RenderedChat {
  readonly prompt: string;
  /** What the answer has begun with, at the end of the prompt; undefined where it begins anew. */
  readonly begun: string | undefined;
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

  /**
   * The prompt that the model answers. Where the last message is the assistant's own, the prompt ends in the middle of
   * it and the answer goes on from there.
   *
   * @throws CortexError `template_render_failed` with the template's own words; `vision_unsupported`,
   *   `unsupported_parameter` for content that is no text.
   */
  render(input: TemplateInput): RenderedChat {
    const messages = input.messages.map(toTemplateMessage);
    const begun = begunAnswer(input.messages, messages);
    const text = this.#renderText({
      ...this.#special,
      ...input.variables,
      messages,
      // Templates ask `if tools`: none is absent, not an empty list.
      ...(input.tools.length > 0 && { tools: input.tools }),
      add_generation_prompt: begun === undefined,
    });
    if (begun === undefined) return { prompt: text, begun };
    // Behind the begun answer the template closed the turn; a template may trim what it prints.
    const at = text.lastIndexOf(begun);
    return { prompt: at < 0 ? text : text.slice(0, at + begun.length), begun };
  }

  #renderText(variables: Record<string, unknown>): string {
    try {
      return this.#render(variables);
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
  const { role, content, tool_calls, function_call: legacy, ...rest } = message;
  const calls = tool_calls ?? (legacy && [{ type: 'function', function: legacy }]);
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

/** The text that an assistant message at the end has begun with; undefined when the turn is a new one. */
function begunAnswer(
  given: readonly ChatMessage[],
  messages: readonly TemplateMessage[],
): string | undefined {
  const content = messages.at(-1)?.['content'];
  const last = given.at(-1);
  if (last?.role !== 'assistant' || last.tool_calls !== undefined) return undefined;
  return typeof content === 'string' && content.trim() !== '' ? content.trim() : undefined;
}

/** @throws CortexError `vision_unsupported`, `unsupported_parameter` for parts that are no text. */
function toText(content: ChatMessage['content'], at: number): string | null {
  if (content === null || typeof content === 'string') return content;
  const texts = content.map((part, i) => {
    const text = part.type === 'refusal' ? part['refusal'] : part.text;
    if (typeof text === 'string') return text;
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
  return texts.join('\n');
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
