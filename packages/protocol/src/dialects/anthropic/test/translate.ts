import { toCortexError } from '../../../errors.ts';
import { WholeEvents } from '../../../sse/whole-events.ts';
import { messageStream } from '../stream.ts';
import { type AnswerCase, callIds, factsOf } from './golden-cases.ts';

/** A stream as a gateway sends it: cut into whole events, with the opening first and an error as its last event. */
export function translate(one: AnswerCase, chunks: Iterable<Uint8Array>): string {
  const whole = new WholeEvents();
  const stream = messageStream(factsOf(one), callIds());
  let text = stream.opening();
  try {
    for (const chunk of chunks) {
      const events = whole.push(chunk);
      if (events !== undefined) text += stream.push(events);
    }
    return text + stream.end();
  } catch (thrown) {
    return text + stream.fail(toCortexError(thrown));
  }
}

/** As `translate`, for bytes that are cut anywhere. */
export function translateRaw(one: AnswerCase, chunks: Iterable<Uint8Array>): string {
  const stream = messageStream(factsOf(one), callIds());
  let text = stream.opening();
  try {
    for (const chunk of chunks) text += stream.push(chunk);
    return text + stream.end();
  } catch (thrown) {
    return text + stream.fail(toCortexError(thrown));
  }
}
