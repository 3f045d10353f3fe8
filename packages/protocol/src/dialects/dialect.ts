import type { CortexError } from '../errors.ts';

/** What a translation knows of its request. */
export interface AnswerFacts {
  readonly requestId: string;
  /** As the client asked for it. */
  readonly model: string;
  /** Unix seconds. */
  readonly createdS: number;
  /** Tokens of the prompt; undefined: not known yet. Read when an event with usage is written. */
  readonly promptTokens?: number | undefined;
  /** Tokens of prompt and answer that the model takes; undefined: unknown. Read when the answer ends. */
  readonly contextTokens?: number | undefined;
}

/** A body for a node, and what the gateway has to know of it. */
export interface NodeBody {
  /** With `model` as the node knows it. */
  named(model: string): Uint8Array<ArrayBuffer>;
  /** Parts of the request that are left out, for `x-cortex-dropped-tools`. */
  readonly dropped?: readonly string[] | undefined;
}

/** The answer of one streamed request, in the dialect of its client. Text is server-sent events, whole ones. */
export interface AnswerStream {
  /** The first events, which are sent by the commit rule; empty in dialects without. */
  opening(): string;
  /** Sent while nothing else is. */
  readonly keepAlive: string;
  /** Events for whole events of a node. @throws CortexError for what is not an answer */
  push(nodeEvents: Uint8Array): Uint8Array | string;
  /** The last events. @throws CortexError `upstream_disconnected` if the answer was cut off */
  end(): string;
  /** The error that ends the stream instead. */
  fail(error: CortexError): string;
}

/** An error as a whole answer. */
export interface RefusedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}
