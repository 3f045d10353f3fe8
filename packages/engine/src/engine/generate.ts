import type { ErrorCode } from '@cortex/protocol';

export type GenerateRoute = 'chat' | 'completions';

export interface GenerateRequest {
  readonly id: string;
  readonly route: GenerateRoute;
  /** The caller's OpenAI body, parsed. The engine validates it and answers `error` with `param` where it is wrong. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The principal of the request. The engine serves principals round-robin. */
  readonly principal: string;
  readonly requestId: string;
  /** Sampling defaults of the alias in the request. `body` overrides them; they override the `params` of the model. */
  readonly params?: Readonly<Record<string, unknown>> | undefined;
}

export interface ToolCallDelta {
  /** Position of the call within the answer. */
  readonly index: number;
  readonly id?: string | undefined;
  readonly name?: string | undefined;
  /** A further piece of the JSON text of the arguments. */
  readonly arguments?: string | undefined;
}

export interface TokenLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly bytes: readonly number[];
  readonly top?: readonly {
    readonly token: string;
    readonly logprob: number;
    readonly bytes: readonly number[];
  }[];
}

/** What one step produced for one request. */
export interface StepItem {
  /** Which of the `n` choices; absent means 0. */
  readonly index?: number | undefined;
  readonly text?: string | undefined;
  readonly reasoning?: string | undefined;
  readonly tool?: ToolCallDelta | undefined;
  readonly logprobs?: readonly TokenLogprob[] | undefined;
}

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'cancelled';

export interface EngineUsage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Prompt tokens taken from the prefix cache; part of `promptTokens`. */
  readonly cachedTokens: number;
  /** Part of `completionTokens`. */
  readonly reasoningTokens: number;
}

/** Milliseconds of one request on the engine's clock. */
export interface EngineTimings {
  readonly queueMs: number;
  readonly promptMs: number;
  /** From arrival to the first token; absent when there was none. */
  readonly firstTokenMs?: number | undefined;
  readonly decodeMs: number;
}

export type EngineEvent =
  /**
   * The request is rendered, fits, and has its place in the queue. Always the first event of a request that is not
   * refused.
   */
  | { readonly type: 'accepted'; readonly promptTokens: number }
  | {
      readonly type: 'items';
      readonly items: readonly StepItem[];
      /** Duration of the step, ms; absent where the engine does not report it. */
      readonly stepMs?: number | undefined;
    }
  /** Last event. One `finish` per choice, in order of index. */
  | {
      readonly type: 'done';
      readonly finish: readonly {
        readonly reason: FinishReason;
        readonly matchedStop?: string | undefined;
      }[];
      readonly usage: EngineUsage;
      readonly timings: EngineTimings;
    }
  /** Last event: the request was refused before, or failed after, `accepted`. */
  | {
      readonly type: 'error';
      readonly code: ErrorCode;
      readonly message: string;
      readonly param?: string | undefined;
    };
