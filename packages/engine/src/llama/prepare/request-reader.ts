import { CortexError, readShape } from '@cortex/protocol';

import type { GenerateRequest } from '../../engine/generate.ts';
import { checkDepth } from '../../protocol/index.ts';
import { checkFields, checkParams } from '../../request-fields/check-fields.ts';
import type { Model } from '../binding.ts';
import type { NativeGrammarState, Token } from '../native-types.ts';
import { chooseParser } from '../parsers/choose-parser.ts';
import { type OutputParser, PlainParser } from '../parsers/output-parser.ts';
import type { CompletionPrompt, OnSlice, Tokenizer } from '../tokenizer.ts';
import { ChatBody, CompletionsBody, type SamplingBody } from '../request/chat-body.ts';
import { checkChatSize } from '../request/chat-size.ts';
import { ContextLimit } from './context-limit.ts';
import { type ChatModel, prepareChatApart, type ReasoningLimit } from './prepare-chat.ts';
import {
  readSampling,
  recommendedParams,
  type Sampling,
  withDefaults,
} from '../request/sampling.ts';

/** A prepared request of any route, for the scheduler. */
export interface ReadRequest {
  /** Each prompt gets its own answer; a chat has one. */
  readonly prompts: readonly ReadPrompt[];
  readonly sampling: Sampling;
  readonly maxToolCalls: number;
  readonly thoughtLimit: ReadReasoningLimit | undefined;
  /** The number of most likely tokens to report in addition to the chosen one; undefined: no log-probabilities. */
  readonly topLogprobs: number | undefined;
  /** One per choice; empty for unconstrained answers. */
  readonly grammars: readonly NativeGrammarState[];
  newParser(): OutputParser;
  /** The answer does not continue another text. */
  readonly startsText: boolean;
}

export interface ReadPrompt {
  readonly tokens: Uint32Array;
  /** The most tokens of each answer: the requested number, limited by the remaining context. */
  readonly maxTokens: number;
  /** Text that precedes the model's own text in each answer; may be empty. */
  readonly echo: string;
}

export interface ReadReasoningLimit {
  /** The most reasoning tokens. */
  readonly tokens: number;
  /** The tokens that end reasoning. */
  readonly close: readonly Token[];
}

export interface RequestLimits {
  readonly contextTokens: number;
  readonly slots: number;
}

export interface RequestReaderOptions {
  readonly model: Pick<Model, 'createGrammarState' | 'recommendedSampling'>;
  readonly tokenizer: Tokenizer;
  readonly chat: ChatModel;
  readonly limits: RequestLimits;
  /** Sampling defaults of the load. */
  readonly params: Readonly<Record<string, unknown>>;
}

/** A body as its route has read it. */
interface Prepared {
  readonly body: SamplingBody;
  readonly prompts: readonly Omit<ReadPrompt, 'maxTokens'>[];
  /** The most tokens of an answer if the body has no limit; undefined: no limit. */
  readonly defaultTokens: number | undefined;
  readonly topLogprobs: number | undefined;
  readonly grammar: string | undefined;
  readonly grammarParam?: string;
  /** Texts that the model must not write, where they are tokens. A grammar decides about them itself. */
  readonly bannedTexts?: readonly string[];
  readonly maxToolCalls: number;
  readonly thoughtLimit: ReadReasoningLimit | undefined;
  newParser(): OutputParser;
  /** The answer does not continue another text. */
  readonly startsText: boolean;
}

/** OpenAI's default for completions. */
const DEFAULT_COMPLETION_TOKENS = 16;

/** Prepares requests for one loaded model: validates, renders, tokenizes, and refuses what can never be answered. */
export class RequestReader {
  readonly #options: RequestReaderOptions;
  readonly #limit: ContextLimit;

  constructor(options: RequestReaderOptions) {
    this.#options = options;
    this.#limit = new ContextLimit(options.tokenizer, options.limits.contextTokens);
  }

  /** @throws CortexError naming the field that is invalid, not supported, or too long; whatever `onSlice` throws. */
  async read(request: GenerateRequest, onSlice: OnSlice): Promise<ReadRequest> {
    const { model, limits, params } = this.#options;
    checkDepth(request.body);
    checkFields(request.body, request.route);
    checkParams(request.params ?? {});
    const layers = [request.params ?? {}, params, recommendedParams(model.recommendedSampling)];
    const body = withDefaults(request.body, layers);
    const prepared = await (request.route === 'chat'
      ? this.#prepareChat(body, onSlice)
      : this.#prepareCompletion(body, onSlice));
    const read = readSampling(prepared.body, prepared.defaultTokens);
    const sampling = this.#withBans(read, prepared);
    if (sampling.choices > limits.slots) {
      throw new CortexError(
        'invalid_request',
        `"n" is ${sampling.choices}, but this model has only ${limits.slots} slots.`,
        { param: 'n' },
      );
    }
    this.#checkBias(sampling);
    return {
      ...prepared,
      prompts: prepared.prompts.map((prompt) => ({
        ...prompt,
        maxTokens: Math.min(
          sampling.maxTokens ?? Infinity,
          this.#limit.roomBehind(prompt.tokens.length, request.route),
        ),
      })),
      sampling,
      grammars: this.#grammars(prepared, sampling.choices),
    };
  }

  async #prepareChat(raw: Readonly<Record<string, unknown>>, onSlice: OnSlice): Promise<Prepared> {
    const { chat, tokenizer } = this.#options;
    this.#limit.checkCount(raw['messages']);
    checkChatSize(raw);
    const body = readShape(ChatBody, raw);
    await this.#limit.checkTexts(body, onSlice);
    const prepared = await prepareChatApart(body, chat);
    onSlice(0);
    this.#limit.checkLength(prepared.prompt.text, 'chat');
    return {
      ...prepared,
      body,
      prompts: [
        {
          tokens: await tokenizer.rendered(prepared.prompt, this.#limit.within(onSlice, 'chat')),
          echo: '',
        },
      ],
      defaultTokens: undefined,
      thoughtLimit: this.#readThoughtLimit(prepared.thoughtLimit),
      topLogprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : undefined,
      newParser: () => chooseParser(chat.format, { ...prepared, newCallId }),
      startsText: !prepared.isContinued,
    };
  }

  async #prepareCompletion(
    raw: Readonly<Record<string, unknown>>,
    onSlice: OnSlice,
  ): Promise<Prepared> {
    const body = readShape(CompletionsBody, raw);
    if (body.echo === true && body.logprobs !== undefined) {
      throw new CortexError(
        'unsupported_parameter',
        '"echo" is not supported together with "logprobs": prompts have no log-probabilities.',
        { param: 'echo' },
      );
    }
    const prompts: Omit<ReadPrompt, 'maxTokens'>[] = [];
    for (const prompt of promptsOf(body.prompt)) {
      const tokens = await this.#completionPrompt(prompt, body.suffix ?? '', onSlice);
      prompts.push({ tokens, echo: body.echo === true ? this.#textOf(prompt) : '' });
    }
    return {
      body,
      prompts,
      defaultTokens: DEFAULT_COMPLETION_TOKENS,
      thoughtLimit: undefined,
      topLogprobs: body.logprobs,
      grammar: undefined,
      maxToolCalls: Infinity,
      newParser: () => new PlainParser(),
      startsText: false,
    };
  }

  #completionPrompt(
    prompt: CompletionPrompt,
    suffix: string,
    onSlice: OnSlice,
  ): Promise<Uint32Array> {
    const { tokenizer } = this.#options;
    const within = this.#limit.within(onSlice, 'completions');
    if (typeof prompt === 'string') this.#limit.checkLength(`${prompt}${suffix}`, 'completions');
    return suffix === ''
      ? tokenizer.completion(prompt, within)
      : tokenizer.insertion(prompt, suffix, within);
  }

  #textOf(prompt: CompletionPrompt): string {
    return typeof prompt === 'string' ? prompt : this.#options.tokenizer.detokenize(prompt);
  }

  /** @throws CortexError `context_length_exceeded` if the texts alone are too long, judged by their bytes. */
  checkFits(body: ChatBody): void {
    this.#limit.checkFits(body);
  }

  #readThoughtLimit(limit: ReasoningLimit | undefined): ReadReasoningLimit | undefined {
    if (limit === undefined) return undefined;
    const { tokenizer } = this.#options;
    return { tokens: limit.tokens, close: tokenizer.markerTokens(limit.close) };
  }

  #checkBias({ bias }: Sampling): void {
    for (const token of bias.keys()) {
      if (this.#options.tokenizer.has(token)) continue;
      throw new CortexError('invalid_request', `The vocabulary has no token ${token}.`, {
        param: `logit_bias.${token}`,
      });
    }
  }

  /**
   * Bans tokens, whatever the client's `logit_bias` says: those that end an answer with `ignore_eos`, and the markers of
   * calls that the request does not allow, where a marker is a token of its own. A grammar decides about both itself: at
   * its end only the tokens that end an answer are possible.
   */
  #withBans(sampling: Sampling, { grammar, bannedTexts = [] }: Prepared): Sampling {
    if (grammar !== undefined) return { ...sampling, ignoreEos: false };
    const { tokenizer } = this.#options;
    const banned = [
      ...(sampling.ignoreEos ? tokenizer.endTokens : []),
      ...bannedTexts.flatMap((text) => tokenizer.addedToken(text) ?? []),
    ];
    if (banned.length === 0) return sampling;
    const bans = banned.map((token): [Token, number] => [token, -Infinity]);
    return { ...sampling, bias: new Map([...sampling.bias, ...bans]) };
  }

  /** One grammar state per choice. A failure to compile is an error in the caller's schema. */
  #grammars({ grammar, grammarParam }: Prepared, choices: number): NativeGrammarState[] {
    if (grammar === undefined) return [];
    try {
      return Array.from({ length: choices }, () => this.#options.model.createGrammarState(grammar));
    } catch (error) {
      throw new CortexError('invalid_request', 'The JSON schema is too complex to enforce.', {
        param: grammarParam,
        cause: error,
      });
    }
  }
}

/** The prompts of a completion, one by one. */
function promptsOf(prompt: CompletionsBody['prompt']): readonly CompletionPrompt[] {
  if (typeof prompt === 'string') return [prompt];
  const tokens = prompt.filter((item) => typeof item === 'number');
  return tokens.length > 0 ? [tokens] : prompt.filter((item) => typeof item !== 'number');
}

const newCallId = (): string => `call_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;
