import { createParser } from 'eventsource-parser';

import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import type { AnswerFacts, AnswerStream } from '../dialect.ts';
import type { AnswerEvent } from '../neutral/answer-event.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import { renderOllamaErrorLine } from './errors.ts';
import { errorIn, toOllamaRefusal } from './refusal.ts';
import { asChatAnswer, type OllamaAnswerOptions } from './node-answer.ts';
import { OllamaAnswerWriter } from './write-answer.ts';
import { toLine } from './write-line.ts';

/** Media type of a streamed answer. */
export const OLLAMA_STREAM_TYPE = 'application/x-ndjson';

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new CortexError('node_protocol_error', 'The node sent an event that is not JSON.', {
      cause,
    });
  }
}

/** The answer of a streamed `/api/chat` or `/api/generate`: one JSON object a line. */
export class OllamaStream implements AnswerStream {
  readonly #facts: AnswerFacts;
  readonly #options: OllamaAnswerOptions;
  readonly #reader: AnswerReader;
  readonly #writer: OllamaAnswerWriter;
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({ onEvent: ({ data }) => this.#read(data) });
  #lines = '';
  /** The last line is written. */
  #isOver = false;
  #failure: CortexError | undefined;

  constructor(facts: AnswerFacts, options: OllamaAnswerOptions) {
    this.#facts = facts;
    this.#options = options;
    this.#reader = new AnswerReader(options.newCallId);
    this.#writer = new OllamaAnswerWriter(facts, options.form);
  }

  get failure(): CortexError | undefined {
    return this.#failure;
  }

  opening(): string {
    return '';
  }

  keepAlive(): string {
    return toLine(this.#writer.empty());
  }

  /** Takes any part of a node's stream. @throws CortexError `node_protocol_error` for an event that is not JSON */
  push(nodeEvents: Uint8Array): string {
    this.#parser.feed(this.#decoder.decode(nodeEvents, { stream: true }));
    return this.#take();
  }

  end(): string {
    if (this.#isOver) return '';
    for (const event of this.#reader.end()) this.#write(event);
    if (this.#isOver) return this.#take();
    return this.fail(
      new CortexError('upstream_disconnected', 'The node ended its answer in the middle.'),
    );
  }

  fail(error: CortexError, nodeError?: JsonObject): string {
    if (this.#isOver) return '';
    this.#isOver = true;
    this.#failure = error;
    // The lines before it are still here if what came after them could not be read.
    const last =
      nodeError === undefined
        ? renderOllamaErrorLine(error, this.#facts.requestId)
        : toLine(toOllamaRefusal(nodeError));
    return this.#take() + last;
  }

  #take(): string {
    const lines = this.#lines;
    this.#lines = '';
    return lines;
  }

  #read(data: string): void {
    if (this.#isOver || data.trim() === '[DONE]') return;
    const chunk = parse(data);
    const error = errorIn(chunk);
    if (error === undefined) {
      const answer = asChatAnswer(chunk, this.#options.route);
      for (const event of this.#reader.push(answer)) this.#write(event);
    } else this.#endWith(toOllamaRefusal(error));
  }

  #endWith(last: JsonObject): void {
    this.#lines += toLine(last);
    this.#isOver = true;
  }

  #write(event: AnswerEvent): void {
    if (event.kind === 'finish') {
      this.#endWith(this.#writer.last(event.finish, event.usage, this.#options.timings()));
      return;
    }
    if (event.kind === 'error') {
      const { code, status, message, retryAfterS } = event.error;
      this.#endWith(toOllamaRefusal({ message, code, status, retry_after_s: retryAfterS }));
      return;
    }
    const part = this.#writer.part(event);
    if (part !== undefined) this.#lines += toLine(part);
  }
}
