import type { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import type { CompletionUsage } from '../../openai.ts';

/** What a block of an answer holds. */
export type BlockKind =
  | { readonly type: 'reasoning' }
  | { readonly type: 'text' }
  /** Why the model does not answer. */
  | { readonly type: 'refusal' }
  /** Its deltas are JSON text; together they are an object. */
  | { readonly type: 'call'; readonly id: string; readonly name: string };

/**
 * Why an answer ended. `context`: the context is full. `filter`: a filter cut it off. `refusal`: the model has refused.
 * `stop_sequence`: one of the request's, which is `sequence`.
 */
export type Finish =
  | { readonly reason: 'stop' | 'length' | 'context' | 'calls' | 'filter' | 'refusal' }
  | { readonly reason: 'stop_sequence'; readonly sequence: string };

/**
 * What happens in an answer, in order: blocks, one open at a time, each `open`, deltas, `close`; then one `finish`, or
 * one `error` at any time, which leaves the open block open. Nothing follows either.
 */
export type AnswerEvent =
  | { readonly kind: 'open'; readonly block: BlockKind }
  | { readonly kind: 'delta'; readonly text: string }
  | { readonly kind: 'close' }
  | {
      readonly kind: 'finish';
      readonly finish: Finish;
      readonly usage: CompletionUsage | undefined;
    }
  /** The error of a node in place of the rest of its answer. */
  | {
      readonly kind: 'error';
      readonly error: CortexError;
      /** The object in which it was sent; undefined: the node only gave a reason for the end that means a failure. */
      readonly nodeError: JsonObject | undefined;
    };
