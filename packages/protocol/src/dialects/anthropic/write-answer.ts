import { CortexError } from '../../errors.ts';
import type { AnswerFacts } from '../dialect.ts';
import type { AnswerEvent } from '../neutral/answer-event.ts';
import { parseExactObject } from '../neutral/exact-json.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import { emptyBlock, emptyMessage, signatureOf, stopOf, usageOf } from './message.ts';

type Json = Readonly<Record<string, unknown>>;

/** The input of a call. A client takes only objects, so that anything else is wrapped: the model sees what it wrote. */
function inputOf(text: string): Json {
  const input = parseExactObject(text);
  if (input !== undefined) return input;
  return text.trim() === 'null' ? {} : { raw_arguments: text };
}

function withText(block: Json, text: string, signature: string): Json {
  switch (block['type']) {
    case 'thinking':
      return { ...block, thinking: text, signature };
    case 'tool_use':
      return { ...block, input: inputOf(text) };
    default:
      return { ...block, text };
  }
}

/** The message of the events of one answer. @throws CortexError if one of them is an error */
function messageOf(events: Iterable<AnswerEvent>, facts: AnswerFacts): Json {
  const content: Json[] = [];
  let end: Json = {};
  let block: Json = {};
  let text = '';
  for (const event of events) {
    switch (event.kind) {
      case 'open':
        block = emptyBlock(event.block);
        text = '';
        break;
      case 'delta':
        text += event.text;
        break;
      case 'close':
        content.push(withText(block, text, signatureOf(facts, content.length)));
        break;
      case 'finish':
        end = { ...stopOf(event.finish), usage: usageOf(event.usage, facts) };
        break;
      case 'error':
        throw event.error;
    }
  }
  return { ...emptyMessage(facts), content, ...end };
}

/**
 * The whole answer of a node as a message, with the blocks that a stream would have.
 *
 * @param newCallId - makes an id for a call that has none of its own
 * @throws CortexError that the node sent in place of an answer; `node_protocol_error` for something else
 */
export function toMessage(answer: unknown, facts: AnswerFacts, newCallId: () => string): Json {
  const reader = new AnswerReader(newCallId, facts);
  const events = [...reader.pushWhole(answer), ...reader.end()];
  if (events.length === 0)
    throw new CortexError('node_protocol_error', 'The node sent a body that is not an answer.');
  return messageOf(events, facts);
}
