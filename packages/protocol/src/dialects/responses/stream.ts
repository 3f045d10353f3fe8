import { createParser } from 'eventsource-parser';

import { CortexError, toCortexError } from '../../errors.ts';
import { isJsonObject } from '../../json/json-object.ts';
import type { AnswerFacts, AnswerStream } from '../dialect.ts';
import type { AnswerEvent } from '../neutral/answer-event.ts';
import { callIds } from '../neutral/call-ids.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import { nodeError, type ShownError, shownError, toThrown } from './answer-error.ts';
import type { ReadRequest } from './read-request.ts';
import { responseMaker } from './response-object.ts';
import { AnswerWriter, type ResponseEvent } from './write-answer.ts';

const DONE = '[DONE]';

/** What one answer is made with. */
function answerParts(
  request: ReadRequest,
  facts: AnswerFacts,
): { readonly reader: AnswerReader; readonly writer: AnswerWriter } {
  const stem = facts.requestId.replace(/^req_/, '');
  return {
    reader: new AnswerReader(callIds('call_', facts)),
    writer: new AnswerWriter({
      stem,
      names: request.read.names,
      reasoning: { isSummary: request.hasSummary, isPacked: request.hasPackedThoughts },
      response: responseMaker(request.body, { ...facts, id: `resp_${stem}` }),
    }),
  };
}

function cutOff(): CortexError {
  return new CortexError(
    'upstream_disconnected',
    'The node ended its answer before it was complete.',
  );
}

function parseData(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new CortexError('node_protocol_error', 'The node sent an answer that is not JSON.', {
      cause,
    });
  }
}

const formatEvent = (event: ResponseEvent): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/**
 * A streamed answer in this API. It ends with `response.completed`, `response.incomplete` or `response.failed`, whatever
 * the node sends; nothing follows.
 */
export class ResponsesStream implements AnswerStream {
  readonly #facts: AnswerFacts;
  readonly #reader: AnswerReader;
  readonly #writer: AnswerWriter;
  readonly #decoder = new TextDecoder();
  #data: string[] = [];
  readonly #parser = createParser({ onEvent: ({ data }) => this.#data.push(data) });
  #hasBegun = false;
  #hasEnded = false;
  #failure: CortexError | undefined;

  constructor(request: ReadRequest, facts: AnswerFacts) {
    this.#facts = facts;
    const { reader, writer } = answerParts(request, facts);
    this.#reader = reader;
    this.#writer = writer;
  }

  get failure(): CortexError | undefined {
    return this.#failure;
  }

  /** Sent once; before other events also if nobody has asked for it. */
  opening(): string {
    if (this.#hasBegun) return '';
    this.#hasBegun = true;
    return this.#format(this.#writer.begin());
  }

  /** A whole event: some clients give up a stream that has only comments for some minutes. */
  keepAlive(): string {
    if (this.#hasEnded) return '';
    return this.opening() + this.#format([this.#writer.ping()]);
  }

  /** What is not an answer of a node ends the stream as failed. */
  push(nodeEvents: Uint8Array): string {
    this.#parser.feed(this.#decoder.decode(nodeEvents, { stream: true }));
    const events = this.#data;
    this.#data = [];
    return events.map((data) => this.#read(data)).join('');
  }

  /** An answer that was cut off ends as failed. */
  end(): string {
    const text = this.#write(this.#reader.end());
    return text + this.fail(cutOff());
  }

  fail(error: CortexError): string {
    if (!this.#hasEnded) this.#failure = error;
    return this.#end(shownError(error, this.#facts.requestId));
  }

  #read(data: string): string {
    if (data === DONE || this.#hasEnded) return '';
    let chunk: unknown;
    try {
      chunk = parseData(data);
    } catch (thrown) {
      return this.fail(toCortexError(thrown));
    }
    const error = nodeError(chunk);
    return error === undefined ? this.#write(this.#reader.push(chunk)) : this.#end(error);
  }

  #write(events: Iterable<AnswerEvent>): string {
    let text = '';
    for (const event of events) {
      if (this.#hasEnded) break;
      text += this.opening() + this.#format(this.#writer.write(event));
      this.#hasEnded = event.kind === 'finish' || event.kind === 'error';
    }
    return text;
  }

  #end(error: ShownError): string {
    if (this.#hasEnded) return '';
    this.#hasEnded = true;
    return this.opening() + this.#format(this.#writer.fail(error));
  }

  #format(events: readonly ResponseEvent[]): string {
    return events.map(formatEvent).join('');
  }
}

/**
 * A whole answer of a node as the text of a response.
 *
 * @throws CortexError `node_protocol_error` or `upstream_disconnected` for answers that are none, or the node's error
 */
export function writeResponse(request: ReadRequest, bytes: Uint8Array, facts: AnswerFacts): string {
  const answer = parseData(new TextDecoder().decode(bytes));
  const error = nodeError(answer);
  if (error !== undefined) throw toThrown(error);
  if (!isJsonObject(answer) || !Array.isArray(answer['choices']) || answer['choices'].length === 0)
    throw new CortexError('node_protocol_error', 'The node sent an answer without choices.');
  const { reader, writer } = answerParts(request, facts);
  let last: ResponseEvent | undefined;
  for (const event of [...reader.pushWhole(answer), ...reader.end()])
    last = writer.write(event).at(-1) ?? last;
  if (last === undefined || !('response' in last)) throw cutOff();
  return JSON.stringify(last['response']);
}
