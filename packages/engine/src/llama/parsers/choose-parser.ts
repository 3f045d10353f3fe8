import { HermesParser } from './hermes-parser.ts';
import { type OutputParser, PlainParser } from './output-parser.ts';
import { type ReasoningMarkers, ReasoningParser } from './reasoning-parser.ts';

/** How a model writes what is not content; read off the markers in its chat template. */
export interface OutputFormat {
  readonly reasoning: ReasoningMarkers | undefined;
  readonly tools: 'hermes' | undefined;
  /** Texts that must stay visible although the model may hold them as control tokens. */
  readonly markers: readonly string[];
}

const THINK: ReasoningMarkers = { open: '<think>', close: '</think>' };

export function readOutputFormat(template: string | undefined): OutputFormat {
  const has = (marker: string): boolean => template?.includes(marker) ?? false;
  const reasoning = has(THINK.close) ? THINK : undefined;
  const tools = has('<tool_call>') ? 'hermes' : undefined;
  return {
    reasoning,
    tools,
    markers: [
      ...(reasoning ? [reasoning.open, reasoning.close] : []),
      ...(tools ? ['<tool_call>', '</tool_call>'] : []),
    ],
  };
}

/** Where reasoning stands when the model takes over: within it, behind it, or still to be begun. */
export type ReasoningState = 'inside' | 'closed' | 'possible';

/** Read off the end of the prompt, or off the part of the answer that the prompt begins with. */
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

export interface ParserRequest {
  readonly reasoning: ReasoningState;
  /** Whether the request offers tools; without any, a marker in the answer is text like any other. */
  readonly offersTools: boolean;
  readonly newCallId: () => string;
}

/** The parser for one answer of a chat. */
export function chooseParser(format: OutputFormat, request: ParserRequest): OutputParser {
  const inner =
    format.tools === 'hermes' && request.offersTools
      ? new HermesParser(request.newCallId)
      : new PlainParser();
  if (format.reasoning === undefined) return inner;
  return new ReasoningParser(inner, format.reasoning, {
    startsInside: request.reasoning === 'inside',
  });
}
