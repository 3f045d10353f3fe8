import type { FinishReason, StepItem, TokenLogprob } from '../../engine/generate.ts';
import type { Token } from '../native-types.ts';
import type { ContentDelta, OutputDelta, OutputParser } from '../parsers/output-parser.ts';
import { StopStrings } from '../request/stop-strings.ts';
import type { TokenDecoder } from '../request/token-text.ts';
import { ContentLogprobs } from './content-logprobs.ts';

export interface AnswerOptions {
  readonly index: number;
  readonly decoder: TokenDecoder;
  readonly stop: readonly string[];
  readonly parser: OutputParser;
  /** Maximum number of tokens: the requested limit, reduced to the space in the context. */
  readonly maxTokens: number;
  /** Maximum number of tool calls; one more ends the answer. */
  readonly maxToolCalls: number;
  /** Maximum number of reasoning tokens, and the tokens that end the reasoning. Absent: no limit. */
  readonly thoughtLimit?: { readonly tokens: number; readonly close: readonly Token[] } | undefined;
}

/**
 * One choice of a request: takes tokens and returns items until it is finished.
 *
 * The parser runs first, because stop strings and log-probabilities apply to content only.
 */
export class Answer {
  readonly index: number;
  readonly maxTokens: number;
  readonly tokens: Token[] = [];
  readonly #decoder: TokenDecoder;
  readonly #stops: StopStrings;
  readonly #parser: OutputParser;
  readonly #maxToolCalls: number;
  readonly #logprobs = new ContentLogprobs();
  readonly #thoughtLimit: AnswerOptions['thoughtLimit'];
  /** The remaining tokens of the sequence that ends the reasoning. */
  #closing: readonly Token[] = [];
  /** Characters of content emitted so far. */
  #contentChars = 0;
  #reasoningTokens = 0;
  #finish: FinishReason | undefined;
  #matchedStop: string | undefined;

  constructor(options: AnswerOptions) {
    this.index = options.index;
    this.#decoder = options.decoder;
    this.#stops = new StopStrings(options.stop);
    this.#parser = options.parser;
    this.maxTokens = options.maxTokens;
    this.#maxToolCalls = options.maxToolCalls;
    this.#thoughtLimit = options.thoughtLimit;
  }

  /** Whether the next token may depend on the parsed text of earlier tokens. */
  get hasThoughtLimit(): boolean {
    return this.#thoughtLimit !== undefined;
  }

  /** The forced next token, if any: at the reasoning limit, the tokens that end the reasoning. */
  takeForced(): Token | undefined {
    const limit = this.#thoughtLimit;
    if (limit === undefined) return undefined;
    const isOver = this.#parser.isReasoning && this.#reasoningTokens >= limit.tokens;
    if (this.#closing.length === 0 && isOver) this.#closing = limit.close;
    const [next, ...rest] = this.#closing;
    this.#closing = rest;
    return next;
  }

  get finish(): { reason: FinishReason; matchedStop?: string | undefined } | undefined {
    if (this.#finish === undefined) return undefined;
    return {
      reason: this.#finish,
      matchedStop: this.#matchedStop,
    };
  }

  get reasoningTokens(): number {
    return this.#reasoningTokens;
  }

  /** Takes a sampled token and returns the items for the consumer. */
  push(token: Token, logprob?: TokenLogprob): StepItem[] {
    this.tokens.push(token);
    const wasReasoning = this.#parser.isReasoning;
    const text = this.#decoder.push(token);
    this.#logprobs.add(text.length, logprob);
    const items = this.#items(text === '' ? [] : this.#parser.push(text));
    if (wasReasoning || this.#parser.isReasoning) this.#reasoningTokens++;
    if (this.#finish !== undefined) return items;
    if (this.#parser.toolCalls > this.#maxToolCalls) this.#finish = 'tool_calls';
    else if (this.tokens.length >= this.maxTokens) items.push(...this.end('length'));
    return items;
  }

  /** Ends the answer without a stop string: the model ended it, or the context is full. Returns the text held back. */
  end(reason: 'stop' | 'length' | 'cancelled'): StepItem[] {
    const rest = this.#decoder.end();
    this.#logprobs.add(rest.length, undefined);
    const items = this.#items([
      ...this.#parser.push(rest),
      ...this.#parser.end(reason === 'stop' ? 'finished' : 'cut'),
    ]);
    if (this.#finish === undefined) {
      items.push(...this.#heldContent());
      this.#finish = this.#finished(reason);
    }
    return items;
  }

  #finished(reason: 'stop' | 'length' | 'cancelled'): FinishReason {
    const { toolCalls, isCallCut } = this.#parser;
    if (reason === 'stop' && isCallCut) return 'length';
    if (reason === 'stop' && toolCalls > 0) return 'tool_calls';
    // A stop string that is complete only at the end still ends the answer.
    return reason === 'length' && toolCalls > this.#maxToolCalls ? 'tool_calls' : reason;
  }

  /** The items for the consumer: nothing after a stop string, nothing of a call above the limit. */
  #items(deltas: readonly OutputDelta[]): StepItem[] {
    const items: StepItem[] = [];
    for (const delta of deltas) {
      if (this.#finish !== undefined) break;
      if ('text' in delta) {
        items.push(...this.#content(delta));
        continue;
      }
      // A stop string does not match across a call or reasoning.
      items.push(...this.#heldContent());
      if ('reasoning' in delta || delta.tool.index < this.#maxToolCalls)
        items.push(this.#item(delta));
    }
    return items;
  }

  #content({ text, at }: ContentDelta): StepItem[] {
    this.#logprobs.isContent(at, text.length);
    const step = this.#stops.push(text);
    if (step.kind === 'stopped') {
      this.#matchedStop = step.matched;
      this.#finish = this.#finished('stop');
    }
    return this.#shown(step.text);
  }

  #heldContent(): StepItem[] {
    return this.#shown(this.#stops.end());
  }

  #shown(text: string): StepItem[] {
    if (text === '') return [];
    this.#contentChars += text.length;
    const logprobs = this.#logprobs.takeBefore(this.#contentChars);
    return [this.#item({ text, ...(logprobs.length > 0 && { logprobs }) })];
  }

  #item(item: StepItem): StepItem {
    return this.index === 0 ? item : { index: this.index, ...item };
  }
}
