import { FAMILIES } from './families/all-families.ts';
import type { ParserRequest, ReasoningState, ToolFamily } from './families/tool-family.ts';
import { NoArguments } from './no-arguments.ts';
import { type OutputParser, PlainParser } from './output-parser.ts';
import { REASONING } from './reasoning-markers.ts';
import { type ReasoningMarkers, ReasoningParser } from './reasoning-parser.ts';
import { WholeCharacters } from './whole-characters.ts';

/** How a model writes what is not content; read off the markers in its chat template. */
export interface OutputFormat {
  readonly reasoning: ReasoningMarkers | undefined;
  /** Undefined: the model's way to call tools is not known, or it has none. */
  readonly tools: ToolFamily | undefined;
  /** Texts that must stay visible although the model may hold them as control tokens. */
  readonly markers: readonly string[];
}

export function readOutputFormat(template = ''): OutputFormat {
  const tools = FAMILIES.find((family) => family.isFamilyOf(template));
  const reasoning =
    tools?.channels?.reasoning ?? REASONING.find(({ close }) => template.includes(close));
  const around = reasoning === undefined ? [] : [reasoning.open, reasoning.close];
  // Where words belong to a marker, the vocabulary holds only the bracketed part as a token.
  const tokens = around.flatMap((marker) => marker.match(/<[^<>]+>|\[[^[\]]+\]/g) ?? []);
  return { reasoning, tools, markers: [...tokens, ...(tools?.markers ?? [])] };
}

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

/** The parser for one answer of a chat. */
export function chooseParser(format: OutputFormat, request: ParserRequest): OutputParser {
  const { tools: family, reasoning } = format;
  const isRead =
    family !== undefined && (request.tools.length > 0 || family.channels !== undefined);
  const calls = isRead
    ? new NoArguments(family.createParser(request), request.tools)
    : new PlainParser();
  const isApart = reasoning !== undefined && family?.channels === undefined;
  const startsInside = request.reasoning === 'inside';
  return new WholeCharacters(
    isApart ? new ReasoningParser(calls, reasoning, { startsInside }) : calls,
  );
}
