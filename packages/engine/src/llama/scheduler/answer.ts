import type { FinishReason, StepItem, TokenLogprob } from '../../engine.ts';
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
  /** Tokens it may have at most: what was asked for, cut to the room in the context. */
  readonly maxTokens: number;
  /** Tool calls it may make at most; one more ends it. */
  readonly maxToolCalls: number;
  /** Tokens of thoughts at most, and those that end them; absent: no limit. */
  readonly thoughtLimit?: { readonly tokens: number; readonly close: readonly Token[] } | undefined;
}

/**
 * One choice of a request: tokens in, items out, until it is finished.
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
  /** What of the tokens that end the thoughts is still to come. */
  #closing: readonly Token[] = [];
  /** Characters of content handed out. */
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

  /** Whether the next token may depend on what was read of those before. */
  get hasThoughtLimit(): boolean {
    return this.#thoughtLimit !== undefined;
  }

  /** The token that follows whatever the model would write: at the limit of its thoughts those that end them. */
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

  /** Takes a token that was sampled; gives what the consumer gets of it. */
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

  /** Ends without a stop string: the model said so, or there is no room; gives what was held back. */
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
    // One that shows only now that all was read ends the answer as any other.
    return reason === 'length' && toolCalls > this.#maxToolCalls ? 'tool_calls' : reason;
  }

  /** What the consumer gets of `deltas`: nothing behind a stop string, nothing of a call too many. */
  #items(deltas: readonly OutputDelta[]): StepItem[] {
    const items: StepItem[] = [];
    for (const delta of deltas) {
      if (this.#finish !== undefined) break;
      if ('text' in delta) {
        items.push(...this.#content(delta));
        continue;
      }
      // A stop string does not continue behind a call or reasoning.
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
