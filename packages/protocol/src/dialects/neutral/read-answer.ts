/** Reads chat answers of nodes, which speak OpenAI, whole or streamed. */
import { CortexError, type ErrorCode } from '../../errors.ts';
import { isJsonObject as isJson, type JsonObject as Json } from '../../json/json-object.ts';
import { CompletionUsage } from '../../openai.ts';
import { readAnswerError } from './answer-error.ts';
import type { AnswerEvent, Finish } from './answer-event.ts';
import { BlockQueue, type CallPart } from './block-queue.ts';

const objectIn = (value: unknown): Json => (isJson(value) ? value : {});
const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
const textOrNone = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** Content is text; some servers send a list of parts. */
const contentIn = (value: unknown): string =>
  Array.isArray(value)
    ? value.map((part) => textIn(objectIn(part)['text'])).join('')
    : textIn(value);

/** Arguments are JSON text; some servers send the object. */
const argumentsIn = (value: unknown): string =>
  isJson(value) ? JSON.stringify(value) : textIn(value);

function callPart(value: unknown): CallPart {
  const { index, id, function: called } = objectIn(value);
  const { name, arguments: text } = objectIn(called);
  return {
    index: typeof index === 'number' ? index : undefined,
    id: textOrNone(id),
    name: textOrNone(name),
    text: argumentsIn(text),
  };
}

/** Calls in a message or delta; the older `function_call` is one of them. */
function callsIn({ tool_calls: calls, function_call: legacy }: Json): readonly CallPart[] {
  const parts = listIn(calls).map(callPart);
  return isJson(legacy) ? [...parts, { ...callPart({ function: legacy }), index: 0 }] : parts;
}

const REASONS: ReadonlyMap<string, Exclude<Finish['reason'], 'stop_sequence'>> = new Map([
  ['length', 'length'],
  ['content_filter', 'filter'],
]);

/** Reasons of servers that have not finished the answer, with our codes for them. All other unknown reasons are ends. */
const FAILURES: ReadonlyMap<string, ErrorCode> = new Map([
  ['error', 'node_protocol_error'],
  ['abort', 'upstream_disconnected'],
  ['aborted', 'upstream_disconnected'],
  ['canceled', 'upstream_disconnected'],
  ['cancelled', 'upstream_disconnected'],
  ['insufficient_system_resource', 'no_capacity'],
]);

/** The failure that a reason for the end means; undefined: the answer is whole. */
function failureOf(reason: string | undefined): CortexError | undefined {
  const code = reason === undefined ? undefined : FAILURES.get(reason);
  if (code === undefined) return undefined;
  return new CortexError(
    code,
    `The node stopped before its answer was complete (finish reason: ${reason}).`,
  );
}

const firstChoice = ({ choices }: Json): Json | undefined =>
  listIn(choices).find((choice): choice is Json => isJson(choice) && (choice['index'] ?? 0) === 0);

/** What helps to read the answer to one request. */
export interface ReadOptions {
  /**
   * Tokens of prompt and answer that the model takes; undefined: unknown, and a full context is a `length`. Read when
   * the answer ends.
   */
  readonly contextTokens?: number | undefined;
}

/**
 * The first choice of an answer as events. Other choices are dropped: the APIs that are translated have one. Nothing
 * follows an error, and what a node sends after it is ignored.
 */
export class AnswerReader {
  readonly #blocks: BlockQueue;
  readonly #options: ReadOptions;
  #reason: string | undefined;
  #sequence: string | undefined;
  #usage: CompletionUsage | undefined;
  #hasFailed = false;

  /** @param newCallId - Makes an id for a call that has none of its own. */
  constructor(newCallId: () => string, options: ReadOptions = {}) {
    this.#blocks = new BlockQueue(newCallId);
    this.#options = options;
  }

  /** One chunk of a stream. Chunks without a choice can carry usage. */
  push(chunk: unknown): readonly AnswerEvent[] {
    return this.#read(objectIn(chunk), 'delta');
  }

  /** A whole answer. A choice without a reason for its end has ended all the same. */
  *pushWhole(answer: unknown): Generator<AnswerEvent, void> {
    const body = objectIn(answer);
    yield* this.#read(body, 'message');
    if (firstChoice(body) !== undefined) this.#reason ??= 'stop';
  }

  /**
   * The last events; none after an error. The answer must have given a reason for its end, else it was cut off: false,
   * and no finish.
   */
  *end(): Generator<AnswerEvent, boolean> {
    if (this.#hasFailed) return true;
    if (this.#reason === undefined) return false;
    const events: AnswerEvent[] = [];
    this.#blocks.end(events);
    yield* events;
    yield { kind: 'finish', finish: this.#finish(this.#reason), usage: this.#usage };
    return true;
  }

  /** A list and not a generator: every token of every translated stream comes here. */
  #read(body: Json, member: 'delta' | 'message'): readonly AnswerEvent[] {
    if (this.#hasFailed) return [];
    const error = readAnswerError(body);
    if (error !== undefined) {
      this.#hasFailed = true;
      return [error];
    }
    const events: AnswerEvent[] = [];
    const { usage } = body;
    const choice = firstChoice(body) ?? {};
    const message = objectIn(choice[member]);
    // In this order: a chunk can hold all of them.
    const reasoning = textIn(message['reasoning_content']) || textIn(message['reasoning']);
    if (reasoning !== '') this.#blocks.add('reasoning', reasoning, events);
    // Answers of `/v1/completions` have their text in the choice.
    const text = contentIn(message['content']) || textIn(choice['text']);
    if (text !== '') this.#blocks.add('text', text, events);
    const refusal = textIn(message['refusal']);
    if (refusal !== '') this.#blocks.add('refusal', refusal, events);
    for (const part of callsIn(message)) this.#blocks.addCall(part, events);
    const reason = textOrNone(choice['finish_reason']);
    const failure = failureOf(reason);
    if (failure !== undefined) {
      this.#hasFailed = true;
      events.push({ kind: 'error', error: failure, nodeError: undefined });
      return events;
    }
    this.#reason = reason ?? this.#reason;
    this.#sequence =
      textOrNone(choice['stop_reason']) ?? textOrNone(choice['matched_stop']) ?? this.#sequence;
    const counted = isJson(usage) ? CompletionUsage.safeParse(usage).data : undefined;
    this.#usage = counted ?? this.#usage;
    return events;
  }

  #finish(reason: string): Finish {
    const known = REASONS.get(reason);
    if (known === 'length' && this.#isContextFull) return { reason: 'context' };
    if (known !== undefined) return { reason: known };
    // Nodes say `stop` after calls, and `tool_calls` without one.
    if (this.#blocks.hasCalls) return { reason: 'calls' };
    if (this.#blocks.hasRefusal) return { reason: 'refusal' };
    return this.#sequence === undefined
      ? { reason: 'stop' }
      : { reason: 'stop_sequence', sequence: this.#sequence };
  }

  /** Nodes report a full context as `length`. */
  get #isContextFull(): boolean {
    const { contextTokens } = this.#options;
    if (this.#usage === undefined || contextTokens === undefined) return false;
    const { prompt_tokens: prompt, completion_tokens: completion } = this.#usage;
    return prompt + completion >= contextTokens;
  }
}
