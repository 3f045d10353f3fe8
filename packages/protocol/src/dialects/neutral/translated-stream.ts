import { CortexError, toCortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { USAGE_COMMENT } from '../../neuron.ts';
import { EventReader } from '../../sse/event-reader.ts';
import type { AnswerStream } from '../dialect.ts';
import type { AnswerEvent } from './answer-event.ts';
import type { AnswerReader } from './read-answer.ts';
import { parseEvent } from './read-json.ts';

/** Writes one streamed answer in the API of a client. */
export interface StreamWriter {
  /** The first events, before everything else. */
  begin(): string;
  /** For a client that would otherwise get nothing for a while. */
  ping(): string;
  /** For a comment of the node; absent: comments are dropped. */
  comment?(): string;
  write(event: Exclude<AnswerEvent, { kind: 'error' }>): string;
  /** The last event of an answer that goes no further. @param nodeError - As the node wrote it; undefined: it is ours. */
  fail(error: CortexError, nodeError: JsonObject | undefined): string;
}

const DONE = '[DONE]';

/** The comment line of a node's usage without its colon; it is not a sign of life for clients. */
const USAGE = USAGE_COMMENT.replace(/^: ?/, '');

const isSignOfLife = (comment: string): boolean => !comment.trimStart().startsWith(USAGE);

const cutOff = (): CortexError =>
  new CortexError('upstream_disconnected', 'The node ended its answer before it was complete.');

/**
 * A streamed answer of a node in the API of a client.
 *
 * `push` takes bytes cut anywhere and never throws: what is not an answer ends the stream with an error. The end of the
 * answer waits for `[DONE]` or the end of the stream, because nodes send usage after the reason of the end. Nothing
 * follows the end or an error.
 */
export class TranslatedStream implements AnswerStream {
  readonly #source = new EventReader();
  readonly #reader: AnswerReader;
  readonly #writer: StreamWriter;
  #hasBegun = false;
  #isOver = false;
  #failure: CortexError | undefined;
  #nodeFailure: CortexError | undefined;

  constructor(reader: AnswerReader, writer: StreamWriter) {
    this.#reader = reader;
    this.#writer = writer;
  }

  get failure(): CortexError | undefined {
    return this.#failure;
  }

  get nodeFailure(): CortexError | undefined {
    return this.#nodeFailure;
  }

  /** Before other events it is also sent if nobody has asked for it. */
  opening(): string {
    if (this.#hasBegun) return '';
    this.#hasBegun = true;
    return this.#writer.begin();
  }

  keepAlive(): string {
    return this.#isOver ? '' : this.opening() + this.#writer.ping();
  }

  /** As if the node had written it. */
  note(text: string): string {
    if (this.#isOver) return '';
    const chunk = { choices: [{ index: 0, delta: { reasoning_content: text } }] };
    return this.#write(() => this.#reader.push(chunk));
  }

  push(nodeEvents: Uint8Array): string {
    const { events, comments } = this.#source.push(nodeEvents);
    let text = '';
    for (const { data } of events) text += this.#read(data);
    if (text !== '' || this.#isOver || !comments.some(isSignOfLife)) return text;
    const sign = this.#writer.comment?.() ?? '';
    return sign === '' ? '' : this.opening() + sign;
  }

  /** An answer that was cut off ends with an error. */
  end(): string {
    if (this.#isOver) return '';
    const text = this.#write(() => this.#reader.end());
    return text + this.fail(cutOff());
  }

  fail(error: CortexError, nodeError?: JsonObject): string {
    if (this.#isOver) return '';
    this.#failure = error;
    return this.#endWith(error, nodeError);
  }

  #read(data: string): string {
    if (this.#isOver) return '';
    if (data.trim() === DONE) return this.end();
    return this.#write(() => this.#reader.push(parseEvent(data)));
  }

  /** What was written before an error stays. */
  #write(read: () => Iterable<AnswerEvent>): string {
    let text = '';
    try {
      for (const event of read()) text += this.#writeEvent(event);
    } catch (thrown) {
      text += this.fail(toCortexError(thrown));
    }
    return text;
  }

  #writeEvent(event: AnswerEvent): string {
    if (event.kind === 'error') {
      this.#nodeFailure = event.error;
      return this.#endWith(event.error, event.nodeError);
    }
    const text = this.opening() + this.#writer.write(event);
    if (event.kind === 'finish') this.#isOver = true;
    return text;
  }

  #endWith(error: CortexError, nodeError: JsonObject | undefined): string {
    this.#isOver = true;
    return this.opening() + this.#writer.fail(error, nodeError);
  }
}
