import { type AnswerScript, ScriptedParser } from './answer-text.ts';
import { FAMILIES } from './families/all-families.ts';
import type { AnswerRequest, ReasoningState, ToolFamily } from './families/tool-family.ts';
import { NoArguments } from './no-arguments.ts';
import type { OutputParser } from './output-parser.ts';
import { RefusedCalls } from './refused-calls.ts';
import { REASONING, type ReasoningMarkers } from './reasoning-markers.ts';
import { readReasoned } from './reasoning-script.ts';
import { readContent } from './script-steps.ts';

/** How a model writes reasoning and calls, detected from the markers in its chat template. */
export interface OutputFormat {
  readonly reasoning: ReasoningMarkers | undefined;
  /** Undefined if the call format of the model is unknown or it has none. */
  readonly tools: ToolFamily | undefined;
  /** Texts that must stay visible even if they are control tokens of the model. */
  readonly markers: readonly string[];
}

export function readOutputFormat(template = ''): OutputFormat {
  const tools = FAMILIES.find((family) => family.isFamilyOf(template));
  const reasoning =
    tools?.channels?.reasoning ?? REASONING.find(({ close }) => template.includes(close));
  const around = reasoning === undefined ? [] : [reasoning.open, reasoning.close];
  // If a marker includes words, only its bracketed part is a token of the vocabulary.
  const tokens = around.flatMap((marker) => marker.match(/<[^<>]+>|\[[^[\]]+\]/g) ?? []);
  return { reasoning, tools, markers: [...tokens, ...(tools?.markers ?? [])] };
}

/** Detected from the end of the prompt, or from the start of the answer in the prompt. */
export function reasoningState(
  { reasoning }: OutputFormat,
  { prompt, begun }: { readonly prompt: string; readonly begun: string | undefined },
): ReasoningState {
  if (reasoning === undefined) return 'closed';
  if (begun !== undefined) {
    const opened = begun.lastIndexOf(reasoning.open);
    return opened > begun.lastIndexOf(reasoning.close) ? 'inside' : 'closed';
  }
  const end = prompt.trimEnd();
  if (end.endsWith(reasoning.open)) return 'inside';
  return end.endsWith(reasoning.close) ? 'closed' : 'possible';
}

export interface ParserRequest extends AnswerRequest {
  readonly newCallId: () => string;
  /** Names of tools in the prompt that may not be called; absent: none. */
  readonly refusedTools?: ReadonlySet<string> | undefined;
}

/** The parser for one answer of a chat. */
export function chooseParser(format: OutputFormat, request: ParserRequest): OutputParser {
  const { tools: family, reasoning: markers } = format;
  const hasTools = request.tools.length > 0 && family !== undefined;
  const isRead = hasTools || family?.channels !== undefined;
  const answer = isRead ? family.readAnswer(request) : readContent;
  const startsInside = request.reasoning === 'inside';
  const script: AnswerScript =
    markers === undefined || family?.channels !== undefined
      ? answer
      : (text) => readReasoned(text, { markers, startsInside, answer, hasTools });
  const parser = new NoArguments(
    new ScriptedParser(script, {
      newCallId: request.newCallId,
      markers: family?.markers ?? [],
      closers: family?.closers ?? [],
      tools: request.tools,
    }),
    request.tools,
  );
  const { refusedTools } = request;
  return hasTools && refusedTools?.size ? new RefusedCalls(parser, refusedTools) : parser;
}
