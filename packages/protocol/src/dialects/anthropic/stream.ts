import type { AnswerFacts } from '../dialect.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import { TranslatedStream } from '../neutral/translated-stream.ts';
import { EventWriter } from './event-writer.ts';

/**
 * The streamed answer to `/v1/messages`. A comment of the node becomes a ping.
 *
 * @param newCallId - makes an id for a call that has none of its own
 */
export const messageStream = (facts: AnswerFacts, newCallId: () => string): TranslatedStream =>
  new TranslatedStream(new AnswerReader(newCallId, facts), new EventWriter(facts));
