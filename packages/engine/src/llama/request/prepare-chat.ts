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
import { type ChatTemplate, toTemplateInput } from '../templates/chat-template.ts';
import type { ChatBody, Tool } from './chat-body.ts';
import type { RenderedPrompt } from './prompt-parts.ts';

export interface PreparedChat {
  readonly prompt: RenderedPrompt;
  readonly reasoning: ReasoningState;
  /** The tools on offer. */
  readonly tools: readonly CallableTool[];
  /** The prompt ends in the middle of an answer that was begun for the model. */
  readonly isContinued: boolean;
  /** GBNF that the answer keeps to; undefined: free. */
  readonly grammar: string | undefined;
  /** The field that asks for it. */
  readonly grammarParam: 'tools' | 'response_format';
  /** Calls an answer may make. */
  readonly maxToolCalls: number;
}

export interface ChatModel {
  readonly template: Pick<ChatTemplate, 'asText' | 'render' | 'showsTools'> | undefined;
  readonly format: OutputFormat;
}

/** What `tool_choice` asks for, the legacy `function_call` included. */
type Choice =
  | { readonly kind: 'auto' | 'none' | 'required' }
  | { readonly kind: 'named'; readonly name: string };

/**
 * The prompt of a chat, and what its answer must keep to.
 *
 * @throws CortexError `unsupported_parameter` for what this model cannot do, `invalid_request`, `template_render_failed`,
 *   `vision_unsupported`. Nothing that was asked for is dropped in silence.
 */
export function prepareChat(body: ChatBody, { template, format }: ChatModel): PreparedChat {
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
  const tools = choice.kind === 'none' ? [] : offeredTools(body);
  if (tools.length > 0 && format.tools === undefined) {
    throw new CortexError('unsupported_parameter', 'This model cannot call tools.', {
      param: body.tools === undefined ? 'functions' : 'tools',
    });
  }
  const preface = template.showsTools ? undefined : toolsPreface(body, tools, { template, format });
  const rendered = template.render({ ...toTemplateInput(body, tools), preface });
  const reasoning = reasoningState(format, { ...rendered, prompt: rendered.prompt.text });
  return {
    prompt: rendered.prompt,
    reasoning,
    tools: tools.map((tool) => toCallable(tool.function)),
    // A call that is enforced begins anew, whatever stands before it.
    isContinued: rendered.begun !== undefined && !isEnforced(choice),
    grammar: answerGrammar(body, { choice, tools, reasoning, format }),
    grammarParam: isEnforced(choice) ? 'tools' : 'response_format',
    maxToolCalls: body.parallel_tool_calls === false ? 1 : Infinity,
  };
}

/**
 * A system message that tells the model of the tools, for templates that leave them out.
 *
 * @throws CortexError `unsupported_parameter` when the model's family has no such form.
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
      "This model's chat template does not show it the tools.",
      { param: body.tools === undefined ? 'functions' : 'tools' },
    );
  }
  return format.tools.describeTools(
    tools.map((tool) => ({ ...toCallable(tool.function), description: tool.function.description })),
    (text) => template.asText(text),
  );
}

/** The tools of a request; the legacy `functions` in today's form. */
const offeredTools = (body: ChatBody): readonly Tool[] =>
  body.tools ?? body.functions?.map((fn) => ({ type: 'function' as const, function: fn })) ?? [];

function readChoice(body: ChatBody): Choice {
  const choice = body.tool_choice ?? body.function_call ?? 'auto';
  if (typeof choice === 'string') return { kind: choice };
  const given: unknown = 'function' in choice ? choice.function : choice;
  const name =
    typeof given === 'object' && given !== null && 'name' in given ? String(given.name) : '';
  return { kind: 'named', name };
}

/** What cannot be enforced stands in the parameters of `tool`; undefined: of all of them together. */
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

const isEnforced = ({ kind }: Choice): boolean => kind === 'required' || kind === 'named';

interface AnswerRequest {
  readonly choice: Choice;
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

/** What `response_format` wants the answer to be; undefined: any text. */
function documentSchema({ response_format: wanted }: ChatBody): unknown {
  switch (wanted?.type) {
    case 'json_object':
      return { type: 'object' };
    case 'json_schema':
      return wanted.json_schema?.schema ?? {};
    case 'text':
    case undefined:
      return undefined;
  }
}

function enforcedCalls(body: ChatBody, request: AnswerRequest): string {
  const { choice, tools, format } = request;
  const called =
    choice.kind === 'named' ? tools.filter((tool) => tool.function.name === choice.name) : tools;
  if (called.length === 0) {
    const why =
      choice.kind === 'named'
        ? `names "${choice.name}", which is not among the tools`
        : 'needs "tools"';
    throw new CortexError('invalid_request', `"tool_choice" ${why}.`, { param: 'tool_choice' });
  }
  if (format.tools === undefined) {
    throw new CortexError(
      'unsupported_parameter',
      'This model has no tool calls that could be enforced.',
      { param: 'tool_choice' },
    );
  }
  const isSingle = choice.kind === 'named' || isSingleCall(body);
  return callsGrammar({ tools: called, family: format.tools, isSingle }, (callsRule) =>
    toolCallGrammar(callsRule, frameOf(request)('calls')),
  );
}

const isSingleCall = ({ parallel_tool_calls: isParallel }: ChatBody): boolean =>
  isParallel === false;

interface Calls {
  readonly tools: readonly Tool[];
  readonly family: ToolFamily;
  readonly isSingle: boolean;
}

/** @throws CortexError naming the tool whose parameters no grammar holds. */
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

/** What may stand before the answer, for the grammar: reasoning that may still come, the header of a channel. */
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
