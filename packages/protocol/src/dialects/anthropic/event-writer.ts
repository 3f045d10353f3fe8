import type { AnswerFacts } from '../dialect.ts';
import { thrownError } from '../neutral/answer-error.ts';
import type { AnswerEvent, BlockKind } from '../neutral/answer-event.ts';
import { renderErrorEvent } from '../../render-error.ts';
import { emptyBlock, emptyMessage, signatureOf, stopOf, usageOf } from './message.ts';

/** One event of a stream, with the name that Anthropic's clients dispatch on. */
const formatEvent = (type: string, members: object = {}): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...members })}\n\n`;

export const PING = formatEvent('ping');

/** The member of a delta that has the text, as JSON up to its value. */
const DELTAS: Readonly<Record<BlockKind['type'], string>> = {
  reasoning: '"type":"thinking_delta","thinking":',
  text: '"type":"text_delta","text":',
  call: '"type":"input_json_delta","partial_json":',
};

/** A delta of a block up to its text. It is the same for every token, so it is written once per block. */
const deltaPrefix = (index: number, block: BlockKind['type']): string =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{${DELTAS[block]}`;

/** Writes an answer as the events of Anthropic's stream, in their order: start, blocks, delta, stop. */
export class EventWriter {
  readonly #facts: AnswerFacts;
  /** Of the open block, else of the last one. */
  #index = -1;
  #block: BlockKind['type'] = 'text';
  #deltaPrefix = '';

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
        this.#deltaPrefix = deltaPrefix(this.#index, this.#block);
        return this.#ofBlock('content_block_start', { content_block: emptyBlock(event.block) });
      case 'delta':
        return `${this.#deltaPrefix}${JSON.stringify(event.text)}}}\n\n`;
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
