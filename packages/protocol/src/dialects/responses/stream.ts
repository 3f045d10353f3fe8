import { CortexError } from '../../errors.ts';
import { formatEvent } from '../../sse/format-event.ts';
import type { AnswerFacts } from '../dialect.ts';
import type { AnswerEvent } from '../neutral/answer-event.ts';
import { callIds } from '../neutral/call-ids.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import { parseAnswer } from '../neutral/read-json.ts';
import { type StreamWriter, TranslatedStream } from '../neutral/translated-stream.ts';
import { responseError } from './answer-error.ts';
import type { ReadRequest } from './read-request.ts';
import { responseMaker } from './response-object.ts';
import { AnswerWriter, type ResponseEvent } from './write-answer.ts';

const readerOf = (facts: AnswerFacts): AnswerReader => new AnswerReader(callIds('call_', facts));

function writerOf(request: ReadRequest, facts: AnswerFacts): AnswerWriter {
  const stem = facts.requestId.replace(/^req_/, '');
  return new AnswerWriter({
    stem,
    names: request.read.names,
    reasoning: { isSummary: request.hasSummary, isPacked: request.hasPackedThoughts },
    response: responseMaker(request.body, { ...facts, id: `resp_${stem}` }),
  });
}

const format = (events: readonly ResponseEvent[]): string =>
  events.map((event) => formatEvent(event, event.type)).join('');

/** Comments are dropped: an event of this API has a number, and the numbers of a stream do not depend on its silences. */
class ResponsesWriter implements StreamWriter {
  readonly #writer: AnswerWriter;
  readonly #requestId: string;

  constructor(writer: AnswerWriter, requestId: string) {
    this.#writer = writer;
    this.#requestId = requestId;
  }

  begin(): string {
    return format(this.#writer.begin());
  }

  /** A whole event: some clients give up a stream that has only comments for some minutes. */
  ping(): string {
    return format([this.#writer.ping()]);
  }

  write(event: Exclude<AnswerEvent, { kind: 'error' }>): string {
    return format(this.#writer.write(event));
  }

  fail(error: CortexError): string {
    return format(this.#writer.fail(responseError(error, this.#requestId)));
  }
}

/**
 * A streamed answer in this API. It ends with `response.completed`, `response.incomplete` or `response.failed`, whatever
 * the node sends; nothing follows.
 */
export const responsesStream = (request: ReadRequest, facts: AnswerFacts): TranslatedStream =>
  new TranslatedStream(
    readerOf(facts),
    new ResponsesWriter(writerOf(request, facts), facts.requestId),
  );

/**
 * A whole answer of a node as the text of a response.
 *
 * @throws CortexError `node_protocol_error` for answers that are none, or the node's error
 */
export function writeResponse(request: ReadRequest, bytes: Uint8Array, facts: AnswerFacts): string {
  const reader = readerOf(facts);
  const writer = writerOf(request, facts);
  let last: ResponseEvent | undefined;
  for (const event of [...reader.pushWhole(parseAnswer(bytes)), ...reader.end()]) {
    if (event.kind === 'error') throw event.error;
    last = writer.write(event).at(-1) ?? last;
  }
  if (last === undefined || !('response' in last))
    throw new CortexError('node_protocol_error', 'The node sent a body that is not an answer.');
  return JSON.stringify(last['response']);
}
