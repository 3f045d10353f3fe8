import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import type { GrammarRules } from '../../../grammar/grammar-rules.ts';
import type { AnswerScript } from '../answer-text.ts';
import type { ReasoningMarkers } from '../reasoning-markers.ts';

/** The state of reasoning at the end of the prompt: open, closed, or not yet started. */
export type ReasoningState = 'inside' | 'closed' | 'possible';

export interface AnswerRequest {
  readonly reasoning: ReasoningState;
  /** The tools that may be called. Without tools, markers of calls are text. */
  readonly tools: readonly CallableTool[];
  /** The prompt contains the start of the answer. */
  readonly isContinued: boolean;
}

export interface CallsRequest {
  /** At least one. */
  readonly tools: readonly CallableTool[];
  /** Exactly one call; otherwise at least one. */
  readonly isSingle: boolean;
}

/** The tool-call format of one model family: everything that differs between families. */
export interface ToolFamily {
  readonly name: string;
  /** Whether a chat template belongs to this family. */
  isFamilyOf(template: string): boolean;
  /** Texts that must stay visible even if they are control tokens of the vocabulary. */
  readonly markers: readonly string[];
  /** Texts at the end of calls. Further ones right after a call are dropped. None is a prefix of another. */
  readonly closers?: readonly string[];
  /** Parses an answer to a request with tools. Reasoning is already removed, except with `channels`. */
  readAnswer(request: AnswerRequest): AnswerScript;
  /** GBNF of calls only, in the form that the parser reads. @throws CortexError naming what cannot be enforced. */
  callsRule(rules: GrammarRules, request: CallsRequest): string;
  /** Set if every answer is written in channels: the parser then parses all answers, and reasoning is a channel. */
  readonly channels?: AnswerChannels;
  /**
   * Describes the tools, for templates of the family that do not print them.
   *
   * @param asText - Marks a text of the request, in which no text becomes a control token.
   */
  describeTools?(tools: readonly DescribedTool[], asText: (text: string) => string): string;
}

export interface DescribedTool extends CallableTool {
  readonly description: string | undefined;
}

export interface AnswerChannels {
  readonly reasoning: ReasoningMarkers;
  /** The markers that are only around calls. */
  readonly callMarkers: readonly string[];
  /** `answer`, framed as a message of the channel for the user, or of the channel for calls. */
  frame(rules: GrammarRules, answer: FramedAnswer): string;
}

export interface FramedAnswer {
  readonly kind: 'calls' | 'document';
  readonly rule: string;
  readonly reasoning: ReasoningState;
}
