import type { AnswerFacts } from '../dialect.ts';
import { thrownError } from '../neutral/answer-error.ts';
import type { AnswerEvent, BlockKind } from '../neutral/answer-event.ts';
import { renderErrorEvent } from '../../render-error.ts';
import { emptyBlock, emptyMessage, signatureOf, stopOf, usageOf } from './message.ts';

/** One event of a stream, with the name that Anthropic's clients dispatch on. */
const formatEvent = (type: string, members: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;

export const PING = formatEvent('ping');

function deltaOf(block: BlockKind['type'], text: string): object {
  switch (block) {
    case 'reasoning':
      return { type: 'thinking_delta', thinking: text };
    case 'text':
      return { type: 'text_delta', text };
    case 'call':
      return { type: 'input_json_delta', partial_json: text };
  }
}

/** Writes an answer as the events of Anthropic's stream, in their order: start, blocks, delta, stop. */
export class EventWriter {
  readonly #facts: AnswerFacts;
  /** Of the open block, else of the last one. */
  #index = -1;
  #block: BlockKind['type'] = 'text';

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
  }

  start(): string {
    return formatEvent('message_start', { message: emptyMessage(this.#facts) });
  }

  write(event: AnswerEvent): string {
    switch (event.kind) {
      case 'open':
        this.#index += 1;
        this.#block = event.block.type;
        return this.#ofBlock('content_block_start', { content_block: emptyBlock(event.block) });
      case 'delta':
        return this.#ofBlock('content_block_delta', { delta: deltaOf(this.#block, event.text) });
      case 'close':
        return this.#signature() + this.#ofBlock('content_block_stop');
      case 'finish':
        return (
          formatEvent('message_delta', {
            delta: stopOf(event.finish),
            usage: usageOf(event.usage, this.#facts),
          }) + formatEvent('message_stop')
        );
      case 'error':
        return renderErrorEvent(thrownError(event.error), 'anthropic', this.#facts.requestId);
    }
  }

  #ofBlock(type: string, members: object = {}): string {
    return formatEvent(type, { index: this.#index, ...members });
  }

  #signature(): string {
    if (this.#block !== 'reasoning') return '';
    const signature = signatureOf(this.#facts, this.#index);
    return this.#ofBlock('content_block_delta', { delta: { type: 'signature_delta', signature } });
  }
}
