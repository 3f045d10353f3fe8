/** Reads chat answers of nodes, which speak OpenAI, whole or streamed. */
import { CompletionUsage } from '../../openai.ts';
import type { AnswerEvent, Finish } from './answer-event.ts';
import { BlockQueue, type CallPart } from './block-queue.ts';

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const objectIn = (value: unknown): Json => (isJson(value) ? value : {});
const listIn = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textIn = (value: unknown): string => (typeof value === 'string' ? value : '');
const textOrNone = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

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

const REASONS: Readonly<Record<string, Exclude<Finish['reason'], 'stop_sequence'>>> = {
  length: 'length',
  content_filter: 'filter',
};

/** The first choice of an answer as events. Other choices are dropped: the APIs that are translated have one. */
export class AnswerReader {
  readonly #blocks: BlockQueue;
  #reason: string | undefined;
  #sequence: string | undefined;
  #usage: CompletionUsage | undefined;

  /** @param newCallId - Makes an id for a call that has none of its own. */
  constructor(newCallId: () => string) {
    this.#blocks = new BlockQueue(newCallId);
  }

  /** One chunk of a stream. Chunks without a choice can carry usage. */
  *push(chunk: unknown): Generator<AnswerEvent, void> {
    yield* this.#read(objectIn(chunk), 'delta');
  }

  /** A whole answer. */
  *pushWhole(answer: unknown): Generator<AnswerEvent, void> {
    yield* this.#read(objectIn(answer), 'message');
  }

  /** The last events. The answer must have given a reason for its end, else it was cut off: false, and no finish. */
  *end(): Generator<AnswerEvent, boolean> {
    if (this.#reason === undefined) return false;
    yield* this.#blocks.end();
    yield { kind: 'finish', finish: this.#finish(this.#reason), usage: this.#usage };
    return true;
  }

  *#read({ choices, usage }: Json, member: 'delta' | 'message'): Generator<AnswerEvent, void> {
    const [first] = listIn(choices).filter((choice) => (objectIn(choice)['index'] ?? 0) === 0);
    const choice = objectIn(first);
    const message = objectIn(choice[member]);
    // In this order: a chunk can hold all three.
    yield* this.#blocks.add(
      'reasoning',
      textIn(message['reasoning_content']) || textIn(message['reasoning']),
    );
    yield* this.#blocks.add('text', textIn(message['content']));
    for (const part of callsIn(message)) yield* this.#blocks.addCall(part);
    this.#reason = textOrNone(choice['finish_reason']) ?? this.#reason;
    this.#sequence =
      textOrNone(choice['stop_reason']) ?? textOrNone(choice['matched_stop']) ?? this.#sequence;
    const counted = isJson(usage) ? CompletionUsage.safeParse(usage).data : undefined;
    this.#usage = counted ?? this.#usage;
  }

  #finish(reason: string): Finish {
    const known = REASONS[reason];
    if (known !== undefined) return { reason: known };
    // Nodes say `stop` after calls, and `tool_calls` without one.
    if (this.#blocks.hasCalls) return { reason: 'calls' };
    return this.#sequence === undefined
      ? { reason: 'stop' }
      : { reason: 'stop_sequence', sequence: this.#sequence };
  }
}
