import { CortexError } from '@cortex/protocol';

import type { Model } from '../binding.ts';
import type { ChatBody, ChatMessage } from '../request/chat-body.ts';
import { ControlTexts } from '../request/control-texts.ts';
import type { RenderedPrompt } from '../request/prompt-parts.ts';
import type { ThinkingRequest } from '../request/thinking-fields.ts';
import { adaptMessages, adaptTools, type TemplateNeeds } from './adapt-messages.ts';
import { dateVariables } from './dates.ts';
import { takeBreaks, upToEnd, withBreaks, withEnd, withMarks, withNumbers } from './marked-text.ts';
import { type TemplateMessage, toTemplateMessages } from './template-message.ts';
import { RenderThreadFailure } from './render-thread.ts';
import { readNeeds } from './template-needs.ts';
import { readSwitches, type TemplateSwitches, thinkingVariables } from './template-switches.ts';

/** The input of a chat template. */
export interface TemplateInput {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly unknown[];
  readonly thinking: Pick<ThinkingRequest, 'isOn' | 'effort'>;
  /** Further variables of the caller for the template; they override `thinking`. */
  readonly variables: Readonly<Record<string, unknown>>;
  readonly documents: readonly unknown[] | undefined;
  /** Whether the answer continues the last message. Undefined: if that is an assistant message. */
  readonly continuesLast: boolean | undefined;
  /** Whether the prompt ends with the start of an assistant turn, if no message is continued. */
  readonly beginsAnswer: boolean;
  /** A system message of the engine before all others; texts of control tokens in it become tokens. */
  readonly preface?: string | undefined;
}

export interface ChatMarkers {
  /** Texts that become control tokens in a prompt. */
  readonly controlTexts: readonly string[];
  /** Markers of reasoning. Templates look for them in earlier answers, so they are not marked there. */
  readonly reasoning: readonly string[];
}

export interface RenderedChat {
  readonly prompt: RenderedPrompt;
  /** The start of the answer at the end of the prompt; undefined for a new answer. */
  readonly begun: string | undefined;
}

/** The GGUF's own Jinja template, rendered natively. */
export class ChatTemplate {
  readonly #render: (variables: Record<string, unknown>) => string;
  readonly #renderApart: ((variables: Record<string, unknown>) => Promise<string>) | undefined;
  readonly #special: { readonly bos_token: string; readonly eos_token: string };
  readonly #needs: TemplateNeeds;
  readonly #switches: TemplateSwitches;
  readonly #controls: ControlTexts;
  readonly #answerControls: ControlTexts;

  /** @throws if the template does not compile. */
  constructor(
    model: Pick<Model, 'compileTemplate' | 'bosText' | 'eosText'> &
      Partial<Pick<Model, 'compileTemplateApart'>>,
    template: string,
    { controlTexts, reasoning }: ChatMarkers = { controlTexts: [], reasoning: [] },
  ) {
    this.#controls = new ControlTexts(controlTexts);
    this.#answerControls = new ControlTexts(
      controlTexts.filter((text) => !reasoning.includes(text)),
    );
    this.#render = model.compileTemplate(template);
    this.#renderApart = model.compileTemplateApart?.(template);
    this.#special = { bos_token: model.bosText, eos_token: model.eosText };
    const render = (variables: Readonly<Record<string, unknown>>): string =>
      this.#render({ ...this.#special, ...variables, add_generation_prompt: true });
    this.#needs = readNeeds(render);
    this.#switches = readSwitches(render);
  }

  /** Whether the template prints the tools. */
  get showsTools(): boolean {
    return this.#needs.showsTools;
  }

  /**
   * The prompt that the model answers. If the last message is an assistant message, the prompt ends within it and the
   * answer continues it, unless `continuesLast` is false.
   *
   * @throws CortexError `template_render_failed` with the message of the template; `vision_unsupported`,
   *   `unsupported_parameter` for content that is not text, and for documents that the template does not support;
   *   `invalid_request` if there is no answer to continue.
   */
  render(input: TemplateInput): RenderedChat {
    const { variables, begun } = this.#prepare(input);
    let text: string;
    try {
      text = this.#render(variables);
    } catch (error) {
      throw refusedBy(error);
    }
    return finish(text, begun);
  }

  /** As `render`, beside the main thread if possible. */
  async renderApart(input: TemplateInput): Promise<RenderedChat> {
    if (this.#renderApart === undefined) return this.render(input);
    const { variables, begun } = this.#prepare(input);
    let text: string;
    try {
      text = await this.#renderApart(variables);
    } catch (error) {
      if (error instanceof RenderThreadFailure) return this.render(input);
      throw refusedBy(error);
    }
    return finish(text, begun);
  }

  /** The variables of the template, and the start of the answer. */
  #prepare(input: TemplateInput): {
    readonly variables: Record<string, unknown>;
    readonly begun: string | undefined;
  } {
    const messages = adaptMessages(this.#messages(input), this.#needs);
    const begun = input.continuesLast === false ? undefined : startedAnswer(messages);
    if (input.continuesLast === true && begun === undefined) throw noStartedAnswer();
    const { documents } = input;
    if (documents !== undefined && !this.#switches.knowsDocuments) throw noDocuments();
    const tools = input.tools.map((tool) => withBreaks(withMarks(tool), this.#controls));
    const variables = {
      ...this.#special,
      ...dateVariables(new Date()),
      ...thinkingVariables(input.thinking, this.#switches),
      ...this.#asText(input.variables),
      ...(documents !== undefined && this.#asText({ documents })),
      messages:
        begun === undefined ? messages : [...messages.slice(0, -1), marked(messages, begun)],
      // Templates test `if tools`, so an empty list must be absent.
      ...(tools.length > 0 && { tools: adaptTools(tools, this.#needs) }),
      add_generation_prompt: begun === undefined && input.beginsAnswer,
    };
    return { variables, begun };
  }

  /** The messages of the conversation with marked texts, so that only the template creates control tokens. */
  #messages({ messages, preface }: TemplateInput): readonly TemplateMessage[] {
    const marked = toTemplateMessages(messages).map((message) =>
      this.#asText(
        message,
        message['role'] === 'assistant' ? this.#answerControls : this.#controls,
      ),
    );
    return preface === undefined ? marked : [{ role: 'system', content: preface }, ...marked];
  }

  #asText(variables: TemplateMessage, controls = this.#controls): TemplateMessage {
    return Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [name, withBreaks(value, controls)]),
    );
  }

  /** Marks `text` of the conversation for use in a preface. */
  asText(text: string): string {
    return String(withBreaks(text, this.#controls));
  }
}

/** The prompt in a rendered text. @throws CortexError `template_render_failed` if the start of the answer is missing */
function finish(rendered: string, begun: string | undefined): RenderedChat {
  const text = withNumbers(rendered);
  if (begun === undefined) return { prompt: takeBreaks(text), begun };
  // The template closed the turn after the started answer.
  const prompt = upToEnd(text);
  if (prompt !== undefined) return { prompt: takeBreaks(prompt), begun: takeBreaks(begun).text };
  throw refused('it does not print the beginning of an answer, which the last message is');
}

const refused = (reason: string, cause?: unknown): CortexError =>
  new CortexError(
    'template_render_failed',
    `The model's chat template refuses this conversation: ${reason}`,
    { param: 'messages', cause },
  );

const refusedBy = (error: unknown): CortexError =>
  refused(templateMessageOf(error instanceof Error ? error.message : String(error)), error);

const noStartedAnswer = (): CortexError =>
  new CortexError(
    'invalid_request',
    '"continue_final_message" needs an assistant message with text as the last message.',
    { param: 'continue_final_message' },
  );

const noDocuments = (): CortexError =>
  new CortexError(
    'unsupported_parameter',
    '"documents" is not supported by the chat template of this model. Put the documents into a message.',
    { param: 'documents' },
  );

/**
 * The template input of a chat body.
 *
 * @throws CortexError `invalid_request` if it requests two different ends of the prompt.
 */
export function toTemplateInput(
  body: ChatBody,
  { tools, thinking }: Pick<TemplateInput, 'tools' | 'thinking'>,
): TemplateInput {
  const { add_generation_prompt: beginsAnswer, continue_final_message: continuesLast } = body;
  if (beginsAnswer === true && continuesLast === true) {
    throw new CortexError(
      'invalid_request',
      '"add_generation_prompt" and "continue_final_message" must not both be true.',
      { param: 'continue_final_message' },
    );
  }
  return {
    messages: body.messages,
    tools,
    thinking,
    documents: body.documents?.length === 0 ? undefined : body.documents,
    variables: { ...body.chat_template_kwargs },
    continuesLast: continuesLast ?? (beginsAnswer === undefined ? undefined : false),
    beginsAnswer: beginsAnswer ?? true,
  };
}

/** The text of a last assistant message; undefined for a new turn. */
function startedAnswer(messages: readonly TemplateMessage[]): string | undefined {
  const last = messages.at(-1);
  if (last?.['role'] !== 'assistant' || last['tool_calls'] !== undefined) return undefined;
  const content = last['content'];
  return typeof content === 'string' && content.trim() !== '' ? content.trim() : undefined;
}

/** The last message, with a mark at the end of its text. */
const marked = (messages: readonly TemplateMessage[], begun: string): TemplateMessage => ({
  ...messages.at(-1),
  content: withEnd(begun),
});

/** The message of the template, without its source position. */
function templateMessageOf(message: string): string {
  const said = message.slice(message.lastIndexOf('\nError: ') + 1);
  return said.replace(/^(?:AddonJinjaRenderer|Error): (?:Jinja Exception: )?/, '').trim();
}
