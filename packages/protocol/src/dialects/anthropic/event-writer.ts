import type { CortexError } from '../../errors.ts';
import { renderErrorEvent } from '../../render-error.ts';
import { formatEvent } from '../../sse/format-event.ts';
import type { AnswerFacts } from '../dialect.ts';
import type { AnswerEvent, BlockKind } from '../neutral/answer-event.ts';
import type { StreamWriter } from '../neutral/translated-stream.ts';
import { countsOf, emptyBlock, emptyMessage, signatureOf, stopOf } from './message.ts';

/** One event of a stream, with the name that Anthropic's clients dispatch on. */
const typed = (type: string, members: object = {}): string =>
  formatEvent({ type, ...members }, type);

export const PING = typed('ping');

/** The member of a delta that has the text, as JSON up to its value. */
const DELTAS: Readonly<Record<BlockKind['type'], string>> = {
  reasoning: '"type":"thinking_delta","thinking":',
  text: '"type":"text_delta","text":',
  refusal: '"type":"text_delta","text":',
  call: '"type":"input_json_delta","partial_json":',
};

/** A delta of a block up to its text. It is the same for every token, so it is written once per block. */
const deltaPrefix = (index: number, block: BlockKind['type']): string =>
  `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{${DELTAS[block]}`;

/** Writes an answer as the events of Anthropic's stream, in their order: start, blocks, delta, stop. */
export class EventWriter implements StreamWriter {
  readonly #facts: AnswerFacts;
  /** Of the open block, else of the last one. */
  #index = -1;
  #block: BlockKind['type'] = 'text';
  #deltaPrefix = '';

  constructor(facts: AnswerFacts) {
    this.#facts = facts;
  }

  begin(): string {
    return typed('message_start', { message: emptyMessage(this.#facts) });
  }

  ping(): string {
    return PING;
  }

  comment(): string {
    return PING;
  }

  fail(error: CortexError): string {
    return renderErrorEvent(error, 'anthropic', this.#facts.requestId);
  }

  write(event: Exclude<AnswerEvent, { kind: 'error' }>): string {
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
          typed('message_delta', {
            delta: stopOf(event.finish),
            usage: countsOf(event.usage, this.#facts),
          }) + typed('message_stop')
        );
    }
  }

  #ofBlock(type: string, members: object = {}): string {
    return typed(type, { index: this.#index, ...members });
  }

  #signature(): string {
    if (this.#block !== 'reasoning') return '';
    const signature = signatureOf(this.#facts, this.#index);
    return this.#ofBlock('content_block_delta', { delta: { type: 'signature_delta', signature } });
  }
}
