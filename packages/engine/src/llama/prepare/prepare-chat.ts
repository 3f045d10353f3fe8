import { CortexError } from '@cortex/protocol';

import {
  type AnswerFrame,
  type CallableTool,
  documentGrammar,
  documentOrCallsGrammar,
  toolCallGrammar,
} from '../../grammar/answer-grammar.ts';
import { toCallable } from '../../grammar/callable-tool.ts';
import type { GrammarRules } from '../../grammar/grammar-rules.ts';
import { type OutputFormat, reasoningState } from '../parsers/choose-parser.ts';
import type { ReasoningState, ToolFamily } from '../parsers/families/tool-family.ts';
import {
  type ChatTemplate,
  type RenderedChat,
  type TemplateInput,
  toTemplateInput,
} from '../templates/chat-template.ts';
import type { ChatBody, Tool } from '../request/chat-body.ts';
import { isLargeChat } from '../request/chat-size.ts';
import type { RenderedPrompt } from '../request/prompt-parts.ts';
import { readThinking, type ThinkingRequest } from '../request/thinking-fields.ts';
import {
  allowedTools,
  isEnforced,
  isSingleCall,
  offeredTools,
  readChoice,
  type ToolChoice,
  unknownTool,
} from '../request/tool-choice.ts';

export interface PreparedChat {
  readonly prompt: RenderedPrompt;
  readonly reasoning: ReasoningState;
  /** The offered tools that the answer may call. */
  readonly tools: readonly CallableTool[];
  /** Names of the other tools in the prompt. */
  readonly refusedTools: ReadonlySet<string>;
  /** Texts that the model must not write, where they are tokens of its vocabulary. */
  readonly bannedTexts: readonly string[];
  /** The prompt ends within a started answer. */
  readonly isContinued: boolean;
  /** The grammar of the answer (GBNF); undefined: unconstrained. */
  readonly grammar: string | undefined;
  /** The field that requires the grammar. */
  readonly grammarParam: 'tools' | 'response_format';
  /** The most calls of an answer. */
  readonly maxToolCalls: number;
  /** The most reasoning tokens, and the text that ends reasoning; undefined: no limit. */
  readonly thoughtLimit: ReasoningLimit | undefined;
}

export interface ReasoningLimit {
  readonly tokens: number;
  readonly close: string;
}

export interface ChatModel {
  /** Without `renderApart`, every chat is rendered in the main thread. */
  readonly template:
    | (Pick<ChatTemplate, 'asText' | 'render' | 'showsTools'> &
        Partial<Pick<ChatTemplate, 'renderApart'>>)
    | undefined;
  readonly format: OutputFormat;
}

/**
 * The prompt of a chat, and the constraints of its answer.
 *
 * @throws CortexError `unsupported_parameter` for what this model cannot do, `invalid_request`,
 *   `template_render_failed`, `vision_unsupported`. No field is silently ignored.
 */
export function prepareChat(body: ChatBody, model: ChatModel): PreparedChat {
  const plan = planChat(body, model);
  return plan.complete(plan.template.render(plan.input));
}

/** As `prepareChat`. The template of a large chat is rendered beside the main thread. */
export async function prepareChatApart(body: ChatBody, model: ChatModel): Promise<PreparedChat> {
  if (!isLargeChat(body)) return prepareChat(body, model);
  const plan = planChat(body, model);
  const { template, input } = plan;
  return plan.complete(await (template.renderApart?.(input) ?? template.render(input)));
}

interface ChatPlan {
  readonly template: NonNullable<ChatModel['template']>;
  readonly input: TemplateInput;
  complete(rendered: RenderedChat): PreparedChat;
}

function planChat(body: ChatBody, { template, format }: ChatModel): ChatPlan {
  if (template === undefined) {
    throw new CortexError(
      'unsupported_parameter',
      'This model has no chat template. Use /v1/completions.',
      {
        param: 'messages',
      },
    );
  }
  if ((body.top_logprobs ?? 0) > 0 && body.logprobs !== true) {
    throw new CortexError('invalid_request', '"top_logprobs" needs "logprobs": true.', {
      param: 'top_logprobs',
    });
  }
  const choice = readChoice(body);
  const offered = offeredTools(body);
  const tools = allowedTools(offered, choice);
  if (tools.length > 0 && format.tools === undefined) {
    throw new CortexError('unsupported_parameter', 'This model cannot call tools.', {
      param: body.tools === undefined ? 'functions' : 'tools',
    });
  }
  // `tool_choice` does not change the list in the prompt: another list is another prompt from its first lines on.
  const shown = tools.length > 0 || canShowTools({ template, format }) ? offered : [];
  const preface = template.showsTools ? undefined : toolsPreface(body, shown, { template, format });
  const thinking = readThinking(body);
  return {
    template,
    input: { ...toTemplateInput(body, { tools: shown, thinking }), preface },
    complete(rendered) {
      const reasoning = reasoningState(format, { ...rendered, prompt: rendered.prompt.text });
      return {
        prompt: rendered.prompt,
        reasoning,
        tools: tools.map((tool) => toCallable(tool.function)),
        refusedTools: new Set(
          shown.flatMap((tool) => (tools.includes(tool) ? [] : tool.function.name)),
        ),
        bannedTexts: shown.length > 0 && tools.length === 0 ? callMarkers(format) : [],
        // An enforced call starts a new answer, even after a started one.
        isContinued: rendered.begun !== undefined && !isEnforced(choice),
        grammar: answerGrammar(body, { choice, tools, reasoning, format }),
        grammarParam: isEnforced(choice) ? 'tools' : 'response_format',
        maxToolCalls: isSingleCall(body) ? 1 : Infinity,
        thoughtLimit: canThink(reasoning, format) ? thoughtLimit(thinking, format) : undefined,
      };
    },
  };
}

/** Whether the prompt can have tools that the answer may not call. */
const canShowTools = ({
  template,
  format: { tools },
}: {
  readonly template: Pick<ChatTemplate, 'showsTools'>;
  readonly format: OutputFormat;
}): boolean => tools !== undefined && (template.showsTools || tools.describeTools !== undefined);

const callMarkers = ({ tools }: OutputFormat): readonly string[] =>
  tools?.channels?.callMarkers ?? tools?.markers ?? [];

/** With channels, reasoning may start again; otherwise reasoning that the prompt has closed stays closed. */
const canThink = (reasoning: ReasoningState, { tools }: OutputFormat): boolean =>
  reasoning !== 'closed' || tools?.channels !== undefined;

/** If thinking is switched off, reasoning that the template opens anyway is closed immediately. */
function thoughtLimit(
  { isOn, budgetTokens }: ThinkingRequest,
  { reasoning }: OutputFormat,
): ReasoningLimit | undefined {
  const tokens = budgetTokens ?? (isOn === false ? 0 : undefined);
  if (tokens === undefined || reasoning === undefined) return undefined;
  return { tokens, close: reasoning.close };
}

/**
 * A system message that describes the tools, for templates that do not print them.
 *
 * @throws CortexError `unsupported_parameter` if the family has no such message.
 */
function toolsPreface(
  body: ChatBody,
  tools: readonly Tool[],
  {
    template,
    format,
  }: { readonly template: Pick<ChatTemplate, 'asText'>; readonly format: OutputFormat },
): string | undefined {
  if (tools.length === 0) return undefined;
  if (format.tools?.describeTools === undefined) {
    throw new CortexError(
      'unsupported_parameter',
      'The chat template of this model does not support tools.',
      { param: body.tools === undefined ? 'functions' : 'tools' },
    );
  }
  return format.tools.describeTools(
    tools.map((tool) => ({ ...toCallable(tool.function), description: tool.function.description })),
    (text) => template.asText(text),
  );
}

/** Attributes `error` to the parameters of `tool`; undefined: to those of all tools together. */
function asToolError(error: unknown, tool: Tool | undefined): unknown {
  if (!(error instanceof CortexError) || error.code !== 'invalid_request') return error;
  const whose = tool === undefined ? 'the tools' : `the tool "${tool.function.name}"`;
  const message = error.message.replace(/^The JSON schema/, `The JSON schema of ${whose}`);
  return new CortexError('invalid_request', message, { param: 'tools', cause: error });
}

function isExpressible(make: () => string): boolean {
  try {
    make();
    return true;
  } catch {
    return false;
  }
}

interface AnswerRequest {
  readonly choice: ToolChoice;
  readonly tools: readonly Tool[];
  readonly reasoning: ReasoningState;
  readonly format: OutputFormat;
}

function answerGrammar(body: ChatBody, request: AnswerRequest): string | undefined {
  const { tools, format } = request;
  const frame = frameOf(request);
  if (isEnforced(request.choice)) return enforcedCalls(body, request);
  const schema = documentSchema(body);
  if (schema === undefined) return undefined;
  const document = documentGrammar(schema, frame('document'));
  if (tools.length === 0 || format.tools === undefined) return document;
  const frames = { document: frame('document'), calls: frame('calls') };
  return callsGrammar({ tools, family: format.tools, isSingle: isSingleCall(body) }, (callsRule) =>
    documentOrCallsGrammar(schema, callsRule, frames),
  );
}

/** The schema of the answer by `response_format`; undefined: any text. Without a schema, any object. */
function documentSchema({ response_format: wanted }: ChatBody): unknown {
  if (wanted === undefined || wanted.type === 'text') return undefined;
  return wanted.json_schema?.schema ?? wanted.schema ?? { type: 'object' };
}

function enforcedCalls(body: ChatBody, request: AnswerRequest): string {
  const { choice, tools, format } = request;
  const called =
    choice.kind === 'named' ? tools.filter((tool) => tool.function.name === choice.name) : tools;
  if (called.length === 0) {
    if (choice.kind === 'named') throw unknownTool(choice.name);
    throw new CortexError('invalid_request', '"tool_choice" needs "tools".', {
      param: 'tool_choice',
    });
  }
  if (format.tools === undefined) {
    throw new CortexError(
      'unsupported_parameter',
      'The tool calls of this model cannot be enforced.',
      { param: 'tool_choice' },
    );
  }
  const isSingle = choice.kind === 'named' || isSingleCall(body);
  return callsGrammar({ tools: called, family: format.tools, isSingle }, (callsRule) =>
    toolCallGrammar(callsRule, frameOf(request)('calls')),
  );
}

interface Calls {
  readonly tools: readonly Tool[];
  readonly family: ToolFamily;
  readonly isSingle: boolean;
}

/** @throws CortexError naming the tool whose parameters cannot be enforced. */
function callsGrammar(
  { tools, family, isSingle }: Calls,
  make: (callsRule: (rules: GrammarRules) => string) => string,
): string {
  const grammarOf = (some: readonly Tool[]): string =>
    make((rules) =>
      family.callsRule(rules, { tools: some.map((tool) => toCallable(tool.function)), isSingle }),
    );
  try {
    return grammarOf(tools);
  } catch (error) {
    throw asToolError(
      error,
      tools.find((tool) => !isExpressible(() => grammarOf([tool]))),
    );
  }
}

/** What the grammar allows before the answer: reasoning, and the header of a channel. */
function frameOf({
  reasoning,
  format,
}: AnswerRequest): (kind: 'calls' | 'document') => AnswerFrame {
  const channels = format.tools?.channels;
  return (kind) => {
    if (channels !== undefined)
      return { channel: (rules, rule) => channels.frame(rules, { kind, rule, reasoning }) };
    if (reasoning === 'closed' || format.reasoning === undefined) return {};
    return { reasoning: { ...format.reasoning, isOpen: reasoning === 'inside' } };
  };
}
