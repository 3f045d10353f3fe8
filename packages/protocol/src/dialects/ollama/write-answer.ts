import type { JsonObject } from '../../json/json-object.ts';
import type { CompletionUsage } from '../../openai.ts';
import type { AnswerFacts } from '../dialect.ts';
import type { AnswerEvent, Finish } from '../neutral/answer-event.ts';
import { toArgumentObject } from './call-arguments.ts';
import type { AnswerTimings } from '../dialect.ts';
import { metricFields, totalFields } from './timings.ts';

/** Which route is answered: they have different members for the same content. */
export type OllamaForm = 'chat' | 'generate';

interface WrittenCall {
  readonly id: string;
  readonly function: {
    readonly index: number;
    readonly name: string;
    readonly arguments: JsonObject;
  };
}

/** A part of an answer. */
interface Piece {
  readonly text?: string | undefined;
  readonly thinking?: string | undefined;
  readonly calls?: readonly WrittenCall[] | undefined;
}

/** Ollama knows neither tools nor stop strings as reasons. A full context is a length. */
const DONE_REASONS: Readonly<Record<Finish['reason'], 'stop' | 'length'>> = {
  stop: 'stop',
  stop_sequence: 'stop',
  calls: 'stop',
  filter: 'stop',
  refusal: 'stop',
  length: 'length',
  context: 'length',
};

/** RFC 3339. The time is that of the request in all parts of an answer. */
export const toCreatedAt = (createdS: number): string => new Date(createdS * 1000).toISOString();

function partFields(form: OllamaForm, { text, thinking, calls }: Piece): JsonObject {
  if (form === 'generate') return { response: text ?? '', thinking, tool_calls: calls };
  return { message: { role: 'assistant', content: text ?? '', thinking, tool_calls: calls } };
}

/** Writes the answer of one request, as it comes or as a whole. */
export class OllamaAnswerWriter {
  readonly #facts: AnswerFacts;
  readonly #form: OllamaForm;
  /** What the open block holds; undefined between blocks. */
  #kind: 'text' | 'thinking' | undefined;
  /** The open call. Clients of this API take whole calls only. */
  #call: { readonly id: string; readonly name: string; text: string } | undefined;
  #callCount = 0;

  constructor(facts: AnswerFacts, form: OllamaForm) {
    this.#facts = facts;
    this.#form = form;
  }

  /** A part without content, which every client takes: blank lines break the Python client. */
  empty(): JsonObject {
    return this.#line({}, { done: false });
  }

  /** The part that an event of an answer adds; undefined: none yet. The end is written by `last`. */
  part(event: AnswerEvent): JsonObject | undefined {
    const piece = this.#piece(event);
    return piece && this.#line(piece, { done: false });
  }

  /** The last part, without content. */
  last(finish: Finish, counted: CompletionUsage | undefined, timings: AnswerTimings): JsonObject {
    return this.#line({}, this.#end(finish, counted, timings));
  }

  /** The answer in one part; undefined without a `finish` among the events. @throws CortexError that is one of them */
  whole(events: Iterable<AnswerEvent>, timings: AnswerTimings): JsonObject | undefined {
    let text = '';
    let thinking = '';
    const calls: WrittenCall[] = [];
    for (const event of events) {
      if (event.kind === 'error') throw event.error;
      const piece = this.#piece(event);
      text += piece?.text ?? '';
      thinking += piece?.thinking ?? '';
      calls.push(...(piece?.calls ?? []));
      if (event.kind !== 'finish') continue;
      return this.#line(
        {
          text,
          thinking: thinking === '' ? undefined : thinking,
          calls: calls.length === 0 ? undefined : calls,
        },
        this.#end(event.finish, event.usage, timings),
      );
    }
    return undefined;
  }

  /** The answer to a request without a prompt. */
  withoutPrompt(
    kind: 'load' | 'unload',
    timings: Pick<AnswerTimings, 'totalMs' | 'loadMs'>,
  ): JsonObject {
    const durations = kind === 'load' ? totalFields(timings) : {};
    return this.#line({}, { done: true, done_reason: kind, ...durations });
  }

  #end(finish: Finish, counted: CompletionUsage | undefined, timings: AnswerTimings): JsonObject {
    const reason = DONE_REASONS[finish.reason];
    return { done: true, done_reason: reason, ...metricFields(timings, counted) };
  }

  #line(piece: Piece, end: JsonObject): JsonObject {
    const { model, createdS } = this.#facts;
    return { model, created_at: toCreatedAt(createdS), ...partFields(this.#form, piece), ...end };
  }

  #piece(event: AnswerEvent): Piece | undefined {
    switch (event.kind) {
      case 'open': {
        const { block } = event;
        this.#call =
          block.type === 'call' ? { id: block.id, name: block.name, text: '' } : undefined;
        this.#kind = block.type === 'reasoning' ? 'thinking' : 'text';
        return undefined;
      }
      case 'delta':
        if (this.#call === undefined) return { [this.#kind ?? 'text']: event.text };
        this.#call.text += event.text;
        return undefined;
      case 'close':
        return this.#closeCall();
      case 'finish':
      case 'error':
        return undefined;
    }
  }

  #closeCall(): Piece | undefined {
    if (this.#call === undefined) return undefined;
    const { id, name, text } = this.#call;
    this.#call = undefined;
    const index = this.#callCount;
    this.#callCount += 1;
    return { calls: [{ id, function: { index, name, arguments: toArgumentObject(text) } }] };
  }
}
