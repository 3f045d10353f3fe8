import { CortexError } from '@cortex/protocol';

import type { GenerateRequest } from '../../engine.ts';
import { checkDepth } from '../../protocol/index.ts';
import type { Model } from '../binding.ts';
import type { NativeGrammarState, Token } from '../native-types.ts';
import { chooseParser } from '../parsers/choose-parser.ts';
import { type OutputParser, PlainParser } from '../parsers/output-parser.ts';
import type { CompletionPrompt, OnSlice, Tokenizer } from '../tokenizer.ts';
import { ChatBody, CompletionsBody, readBody, type SamplingBody } from './chat-body.ts';
import { checkChatSize } from './chat-size.ts';
import { type ChatModel, prepareChat } from './prepare-chat.ts';
import { checkSupported } from './unsupported-fields.ts';
import { readSampling, recommendedParams, type Sampling, withDefaults } from './sampling.ts';

/** A request made ready for the scheduler, whatever its route. */
export interface ReadRequest {
  readonly prompt: Uint32Array;
  readonly sampling: Sampling;
  /** Tokens each answer may have: what was asked for, cut to the room behind the prompt. */
  readonly maxTokens: number;
  readonly maxToolCalls: number;
  /** Log-probabilities of so many most likely tokens beside the chosen one's; undefined: none at all. */
  readonly topLogprobs: number | undefined;
  /** By choice; empty where answers are free. */
  readonly grammars: readonly NativeGrammarState[];
  newParser(): OutputParser;
  /** The answer goes on from no other text. */
  readonly startsText: boolean;
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

/** What a route makes of its body. */
interface Prepared {
  readonly body: SamplingBody;
  readonly prompt: Uint32Array;
  readonly topLogprobs: number | undefined;
  readonly grammar: string | undefined;
  readonly grammarParam?: string;
  readonly maxToolCalls: number;
  newParser(): OutputParser;
  /** The answer goes on from no other text. */
  readonly startsText: boolean;
}

/** Reads bodies for one loaded model: validates, renders, tokenises, and refuses what can never be answered. */
export class RequestReader {
  readonly #options: RequestReaderOptions;

  constructor(options: RequestReaderOptions) {
    this.#options = options;
  }

  /**
   * @throws CortexError naming the field that is wrong, not supported, or too long; what `onSlice` throws
   */
  async read(request: GenerateRequest, onSlice: OnSlice): Promise<ReadRequest> {
    const { model, limits, params } = this.#options;
    checkDepth(request.body);
    const layers = [request.params ?? {}, params, recommendedParams(model.recommendedSampling)];
    const body = withDefaults(request.body, layers);
    checkSupported(body);
    const prepared = await (request.route === 'chat'
      ? this.#prepareChat(body, onSlice)
      : this.#prepareCompletion(body, onSlice));
    const sampling = this.#withoutEnd(readSampling(prepared.body), prepared.grammar);
    if (sampling.choices > limits.slots) {
      throw new CortexError(
        'invalid_request',
        `"n" is ${sampling.choices}, and this model has ${limits.slots} slots.`,
        { param: 'n' },
      );
    }
    this.#checkBias(sampling);
    const room = this.#roomBehind(prepared.prompt.length, request.route);
    return {
      ...prepared,
      sampling,
      maxTokens: Math.min(sampling.maxTokens ?? Infinity, room),
      grammars: this.#grammars(prepared, sampling.choices),
    };
  }

  async #prepareChat(raw: Readonly<Record<string, unknown>>, onSlice: OnSlice): Promise<Prepared> {
    const { chat, tokenizer } = this.#options;
    this.#checkCount(raw['messages']);
    checkChatSize(raw);
    const body = readBody(ChatBody, raw);
    const prepared = prepareChat(body, chat);
    this.#checkLength(prepared.prompt.text, 'chat');
    return {
      ...prepared,
      body,
      prompt: await tokenizer.rendered(prepared.prompt, this.#withinContext(onSlice, 'chat')),
      topLogprobs: body.logprobs === true ? (body.top_logprobs ?? 0) : undefined,
      newParser: () => chooseParser(chat.format, { ...prepared, newCallId }),
      startsText: !prepared.isContinued,
    };
  }

  async #prepareCompletion(
    raw: Readonly<Record<string, unknown>>,
    onSlice: OnSlice,
  ): Promise<Prepared> {
    const body = readBody(CompletionsBody, raw);
    if ((body.best_of ?? 1) > (body.n ?? 1)) {
      throw new CortexError('unsupported_parameter', '"best_of" is not supported by this engine.', {
        param: 'best_of',
      });
    }
    for (const param of ['tools', 'functions', 'response_format']) {
      if (!asksForMore(raw[param])) continue;
      throw new CortexError(
        'unsupported_parameter',
        `"${param}" is only supported by /v1/chat/completions.`,
        { param },
      );
    }
    return {
      body,
      prompt: await this.#completionPrompt(body.prompt, onSlice),
      topLogprobs: body.logprobs,
      grammar: undefined,
      maxToolCalls: Infinity,
      newParser: () => new PlainParser(),
      startsText: false,
    };
  }

  #completionPrompt(prompt: CompletionPrompt, onSlice: OnSlice): Promise<Uint32Array> {
    if (typeof prompt === 'string') this.#checkLength(prompt, 'completions');
    return this.#options.tokenizer.completion(prompt, this.#withinContext(onSlice, 'completions'));
  }

  /** Every message costs tokens. */
  #checkCount(messages: unknown): void {
    if (!Array.isArray(messages) || messages.length <= this.#options.limits.contextTokens) return;
    throw this.#tooLong(`at least ${messages.length} tokens`, 'chat');
  }

  /** `prompt`, unless its length alone says that it can never fit: tokenising megabytes holds everybody up. */
  #checkLength(prompt: string, route: GenerateRequest['route']): string {
    const least = this.#options.tokenizer.leastTokens(prompt);
    if (least <= this.#options.limits.contextTokens) return prompt;
    throw this.#tooLong(`at least ${least} tokens`, route);
  }

  /** Ends the reading of a prompt as soon as it can fit no more. */
  #withinContext(onSlice: OnSlice, route: GenerateRequest['route']): OnSlice {
    return (tokens) => {
      onSlice(tokens);
      if (tokens > this.#options.limits.contextTokens)
        throw this.#tooLong(`at least ${tokens} tokens`, route);
    };
  }

  /** @throws CortexError `context_length_exceeded` when not even one token of an answer fits. */
  #roomBehind(promptTokens: number, route: GenerateRequest['route']): number {
    const { contextTokens } = this.#options.limits;
    if (promptTokens < contextTokens) return contextTokens - promptTokens;
    throw this.#tooLong(`${promptTokens} tokens`, route);
  }

  #tooLong(length: string, route: GenerateRequest['route']): CortexError {
    return new CortexError(
      'context_length_exceeded',
      `This model's maximum context length is ${this.#options.limits.contextTokens} tokens. However, your prompt has ${length}. Please shorten it.`,
      { param: route === 'chat' ? 'messages' : 'prompt' },
    );
  }

  #checkBias({ bias }: Sampling): void {
    for (const token of bias.keys()) {
      if (this.#options.tokenizer.has(token)) continue;
      throw new CortexError('invalid_request', `The vocabulary has no token ${token}.`, {
        param: `logit_bias.${token}`,
      });
    }
  }

  /** `ignore_eos` bans the tokens that end an answer; where a grammar has come to its end nothing else is possible. */
  #withoutEnd(sampling: Sampling, grammar: string | undefined): Sampling {
    if (!sampling.ignoreEos) return sampling;
    if (grammar !== undefined) return { ...sampling, ignoreEos: false };
    const banned = this.#options.tokenizer.endTokens.map((token): [Token, number] => [
      token,
      -Infinity,
    ]);
    return { ...sampling, bias: new Map([...sampling.bias, ...banned]) };
  }

  /** One state a choice; a grammar that the library cannot compile is the caller's schema. */
  #grammars({ grammar, grammarParam }: Prepared, choices: number): NativeGrammarState[] {
    if (grammar === undefined) return [];
    try {
      return Array.from({ length: choices }, () => this.#options.model.createGrammarState(grammar));
    } catch (error) {
      throw new CortexError('invalid_request', 'The JSON schema is too complex to enforce.', {
        ...(grammarParam !== undefined && { param: grammarParam }),
        cause: error,
      });
    }
  }
}

/** Whether a field that only chats have asks for anything: neither an empty list nor the format "text" does. */
const asksForMore = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : typeof value === 'object' && value !== null && Reflect.get(value, 'type') !== 'text';

const newCallId = (): string => `call_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;
