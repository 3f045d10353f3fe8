import { CortexError, toCortexError } from '../../errors.ts';
import { renderErrorEvent } from '../../render-error.ts';
import { USAGE_COMMENT } from '../../neuron.ts';
import { EventReader } from '../../sse/event-reader.ts';
import type { AnswerFacts, AnswerStream } from '../dialect.ts';
import type { AnswerEvent } from '../neutral/answer-event.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import { EventWriter, PING } from './event-writer.ts';

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new CortexError('node_protocol_error', 'The node sent an event that is not JSON.', {
      cause,
    });
  }
}

/** The comment line of a node's usage without its colon; it is not a sign of life for clients. */
const USAGE = USAGE_COMMENT.replace(/^: ?/, '');

/**
 * The streamed answer to `/v1/messages`.
 *
 * `push` takes bytes cut anywhere. A comment of the node becomes a ping. The end of the message waits for `[DONE]` or
 * the end of the stream, because nodes send usage after the reason of the end. After the end, or an error, nothing is
 * written.
 */
export class MessageStream implements AnswerStream {
  readonly #facts: AnswerFacts;
  readonly #source = new EventReader();
  readonly #reader: AnswerReader;
  readonly #writer: EventWriter;
  #hasStarted = false;
  #hasEnded = false;
  /** Thrown by the next call, because events before it are on their way. */
  #thrown: unknown;
  #failure: CortexError | undefined;

  /** @param newCallId - makes an id for a call that has none of its own */
  constructor(facts: AnswerFacts, newCallId: () => string) {
    this.#facts = facts;
    this.#reader = new AnswerReader(newCallId, facts);
    this.#writer = new EventWriter(facts);
  }

  get failure(): CortexError | undefined {
    return this.#failure;
  }

  /** `message_start`, once. `push` sends it if nobody has asked for it. */
  opening(): string {
    if (this.#hasStarted) return '';
    this.#hasStarted = true;
    return this.#writer.start();
  }

  keepAlive(): string {
    return this.#hasEnded ? '' : PING;
  }

  /**
   * @throws CortexError `node_protocol_error` for an event that is not JSON, `upstream_disconnected` for `[DONE]` in the
   * middle of an answer. If events come before it, the next `push` throws it, or `end` writes it.
   */
  push(nodeEvents: Uint8Array): string {
    this.#throwFailure();
    const { events, comments } = this.#source.push(nodeEvents);
    let text = '';
    try {
      for (const { data } of events) {
        if (this.#hasEnded) break;
        text += this.#write(data === '[DONE]' ? this.#rest() : this.#reader.push(parse(data)));
      }
    } catch (thrown) {
      this.#thrown = thrown;
      if (text === '') this.#throwFailure();
    }
    const isAlive = comments.some((comment) => !comment.trimStart().startsWith(USAGE));
    return text === '' && isAlive && !this.#hasEnded ? this.opening() + PING : text;
  }

  /** An answer that was cut off ends with an error. */
  end(): string {
    if (this.#hasEnded) return '';
    try {
      this.#throwFailure();
      return this.#write(this.#rest());
    } catch (error) {
      return this.fail(toCortexError(error));
    }
  }

  fail(error: CortexError): string {
    if (this.#hasEnded) return '';
    this.#hasEnded = true;
    this.#failure = error;
    return renderErrorEvent(error, 'anthropic', this.#facts.requestId);
  }

  /** The last events. @throws CortexError `upstream_disconnected` */
  #rest(): readonly AnswerEvent[] {
    const rest = [...this.#reader.end()];
    if (rest.at(-1)?.kind === 'finish') return rest;
    throw new CortexError(
      'upstream_disconnected',
      'The node closed the connection in the middle of its answer.',
    );
  }

  #throwFailure(): void {
    if (this.#thrown !== undefined && !this.#hasEnded) throw this.#thrown;
  }

  #write(events: Iterable<AnswerEvent>): string {
    let text = '';
    for (const event of events) {
      text += this.#writer.write(event);
      if (event.kind === 'finish' || event.kind === 'error') this.#hasEnded = true;
    }
    return text === '' ? '' : this.opening() + text;
  }
}
