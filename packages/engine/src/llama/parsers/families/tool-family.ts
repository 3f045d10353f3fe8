import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import type { GrammarRules } from '../../../grammar/grammar-rules.ts';
import type { AnswerScript } from '../answer-text.ts';
import type { ReasoningMarkers } from '../reasoning-markers.ts';

/** Where reasoning stands when the model takes over: within it, behind it, or still to be begun. */
export type ReasoningState = 'inside' | 'closed' | 'possible';

export interface AnswerRequest {
  readonly reasoning: ReasoningState;
  /** The tools on offer; without any, a marker in the answer is text like any other. */
  readonly tools: readonly CallableTool[];
  /** The prompt holds the beginning of the answer. */
  readonly isContinued: boolean;
}

export interface CallsRequest {
  /** At least one. */
  readonly tools: readonly CallableTool[];
  /** Exactly one call; else at least one. */
  readonly isSingle: boolean;
}

/** How the models of one family write tool calls: everything that differs between families. */
export interface ToolFamily {
  readonly name: string;
  /** Whether a chat template is written for this family. */
  isFamilyOf(template: string): boolean;
  /** Texts that must stay visible although the vocabulary may hold them as control tokens. */
  readonly markers: readonly string[];
  /** Reads an answer to a request that offers tools; reasoning has been taken off, but for `channels`. */
  readAnswer(request: AnswerRequest): AnswerScript;
  /** GBNF of calls alone, in the very form that the parser reads. @throws CortexError naming what cannot be enforced. */
  callsRule(rules: GrammarRules, request: CallsRequest): string;
  /** Set where every answer is written in channels: the parser reads all answers, reasoning is a channel. */
  readonly channels?: AnswerChannels;
  /**
   * Tells the model of the tools, for templates of the family that leave them out.
   *
   * @param asText - Marks a text of the request, in which nothing is a control token.
   */
  describeTools?(tools: readonly DescribedTool[], asText: (text: string) => string): string;
}

export interface DescribedTool extends CallableTool {
  readonly description: string | undefined;
}

export interface AnswerChannels {
  readonly reasoning: ReasoningMarkers;
  /** `answer`, framed as a message of the channel for the user, or of the channel for calls. */
  frame(rules: GrammarRules, answer: FramedAnswer): string;
}

export interface FramedAnswer {
  readonly kind: 'calls' | 'document';
  readonly rule: string;
  readonly reasoning: ReasoningState;
}
