import { createParser } from 'eventsource-parser';

import { CortexError } from '../../errors.ts';
import type { AnswerFacts, AnswerStream } from '../dialect.ts';
import type { AnswerEvent } from '../neutral/answer-event.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import { cortexError, nodeError, toThrown } from './answer-error.ts';
import type { ReadRequest } from './read-request.ts';
import { responseMaker } from './response-object.ts';
import { AnswerWriter, type ResponseEvent } from './write-answer.ts';

const DONE = '[DONE]';

/** What one answer is made with. */
function answerParts(
  request: ReadRequest,
  facts: AnswerFacts,
): { readonly reader: AnswerReader; readonly writer: AnswerWriter } {
  const { requestId, createdS } = facts;
  const stem = requestId.replace(/^req_/, '');
  // Clients may use one request id for several requests, and a conversation must not have one call id twice.
  const callStem = Bun.hash.xxHash64(`${requestId} ${createdS}`).toString(16);
  let calls = 0;
  return {
    reader: new AnswerReader(() => `call_${callStem}_${calls++}`),
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
    throw new CortexError('node_protocol_error', 'The node sent something that is not JSON.', {
      cause,
    });
  }
}

const formatEvent = (event: ResponseEvent): string =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

/** A streamed answer in this API. A stream ends with `response.completed`, `response.incomplete` or `response.failed`. */
export class ResponsesStream implements AnswerStream {
  readonly #facts: AnswerFacts;
  readonly #reader: AnswerReader;
  readonly #writer: AnswerWriter;
  readonly #decoder = new TextDecoder();
  #data: string[] = [];
  readonly #parser = createParser({ onEvent: ({ data }) => this.#data.push(data) });
  #isEnded = false;

  constructor(request: ReadRequest, facts: AnswerFacts) {
    this.#facts = facts;
    const { reader, writer } = answerParts(request, facts);
    this.#reader = reader;
    this.#writer = writer;
  }

  opening(): string {
    return this.#writer.begin().map(formatEvent).join('');
  }

  /** A whole event: some clients give up a stream that has only comments for some minutes. */
  keepAlive(): string {
    return this.#isEnded ? '' : formatEvent(this.#writer.ping());
  }

  /** @throws CortexError `node_protocol_error` */
  push(nodeEvents: Uint8Array): string {
    this.#parser.feed(this.#decoder.decode(nodeEvents, { stream: true }));
    const events = this.#data;
    this.#data = [];
    return events.map((data) => this.#read(data)).join('');
  }

  /** An answer that was cut off ends as failed. */
  end(): string {
    if (this.#isEnded) return '';
    const text = this.#write(this.#reader.end());
    return this.#isEnded ? text : text + this.fail(cutOff());
  }

  fail(error: CortexError): string {
    return this.#write([{ kind: 'error', error: cortexError(error, this.#facts.requestId) }]);
  }

  #read(data: string): string {
    if (data === DONE || this.#isEnded) return '';
    const chunk = parseData(data);
    const error = nodeError(chunk);
    return this.#write(error ? [{ kind: 'error', error }] : this.#reader.push(chunk));
  }

  #write(events: Iterable<AnswerEvent>): string {
    let text = '';
    for (const event of events) {
      if (this.#isEnded) break;
      for (const written of this.#writer.write(event)) text += formatEvent(written);
      this.#isEnded = event.kind === 'finish' || event.kind === 'error';
    }
    return text;
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
  const { reader, writer } = answerParts(request, facts);
  let last: ResponseEvent | undefined;
  for (const event of [...reader.pushWhole(answer), ...reader.end()])
    last = writer.write(event).at(-1) ?? last;
  if (last === undefined || !('response' in last)) throw cutOff();
  return JSON.stringify(last['response']);
}
