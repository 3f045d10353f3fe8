import type { CortexError } from '../errors.ts';
import type { JsonObject } from '../json/json-object.ts';
import type { NeuronUsage } from '../neuron.ts';
import type { RequestView } from '../request-view.ts';

/** An API that clients speak. Nodes speak OpenAI. */
export type DialectName = 'openai' | 'anthropic' | 'responses' | 'ollama';

/** What is known of an answer when it ends. */
export interface AnswerTimings {
  /** Undefined: the node did not report it. */
  readonly usage: NeuronUsage | undefined;
  /** From the arrival of the request. */
  readonly totalMs: number;
  /** For which the request waited until its model was loaded; undefined: it was loaded. */
  readonly loadMs?: number | undefined;
}

/** What an answer says of its request. */
export interface AnswerFacts {
  readonly requestId: string;
  /** As the client asked for it. */
  readonly model: string;
  /** Unix seconds. */
  readonly createdS: number;
  /** What is known when the answer ends; absent: nothing. */
  readonly timings?: (() => AnswerTimings) | undefined;
  /** Tokens of the prompt; undefined: not known yet. Read when an event with usage is written. */
  readonly promptTokens?: number | undefined;
  /** Tokens of prompt and answer that the model takes; undefined: unknown. Read when the answer ends. */
  readonly contextTokens?: number | undefined;
}

/** One streamed answer. What it returns is whole events, in order; nothing follows `end` or `fail`. */
export interface AnswerStream {
  /** The first events, before everything else; empty once they have been asked for. */
  opening(): string;
  /** For a client that would otherwise get nothing for a while. */
  keepAlive(): string;
  /** A remark that clients show as reasoning; absent: the answers of this API have none. */
  note?(text: string): string;
  /** What whole events of a node say. What is not an answer ends the stream with an error. */
  push(nodeEvents: Uint8Array): Uint8Array | string;
  /** The node has ended its answer. @param isDone - Its last event was `[DONE]`. */
  end(isDone: boolean): string;
  /** The answer ends with this error instead. @param nodeError - The error object of the node, if it is one of a node. */
  fail(error: CortexError, nodeError?: JsonObject): string;
  /** Why the stream has ended with an error that the node did not send; absent: it has not. */
  readonly failure?: CortexError | undefined;
  /** The error with which the node has ended its answer, as the client was told of it; absent: none, or its bytes. */
  readonly nodeFailure?: CortexError | undefined;
}

/** A request as the client sent it, and how it is answered. */
export interface ClientBody {
  readonly view: RequestView;
  /** The path at the node; absent: that of the route. */
  readonly nodePath?: string | undefined;
  /** The body for a node, which knows the model as `model`. */
  named(model: string): Uint8Array<ArrayBuffer>;
  /** Tools that no node can offer and that are left out; absent: none. */
  readonly droppedTools?: readonly string[] | undefined;
  /** Fields that would change the answer and that are left out; absent: none. */
  readonly droppedFields?: readonly string[] | undefined;
  stream(facts: AnswerFacts): AnswerStream;
  /**
   * The answer for a node's whole answer with a status below 400; absent: its bytes and headers pass as they are.
   *
   * @throws CortexError `node_protocol_error` for one that cannot be read
   */
  readonly whole?: ((answer: Uint8Array, facts: AnswerFacts) => string) | undefined;
  /** What is answered without a node; absent: it needs one. */
  readonly empty?: EmptyRequest | undefined;
}

/** A request without anything to compute. Some clients load a model in this way. */
export interface EmptyRequest {
  readonly waitsFor: 'load' | 'nothing';
  answer(facts: AnswerFacts): string;
}

/** Between the API of a client and that of the nodes. Pure: bytes in, bytes out. */
export interface Dialect {
  readonly name: DialectName;
  /** `content-type` of streamed answers. */
  readonly streamType: string;
  /** In which its clients look for the id of their request; absent: only in `x-request-id`, as all. */
  readonly requestIdHeader?: string | undefined;
  /**
   * Reads a request. A body that passes as it is, is read in slices, so that a large one delays no stream. A body that
   * is translated is parsed in one go, and nothing else happens meanwhile.
   *
   * @throws CortexError `malformed_json`, or `invalid_request` with `param`
   */
  read(bytes: Uint8Array<ArrayBuffer>, headers: Headers): Promise<ClientBody>;
}
