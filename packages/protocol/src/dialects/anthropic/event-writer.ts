import type { CortexError } from '../../errors.ts';
import { renderErrorEvent } from '../../render-error.ts';
import { formatEvent } from '../../sse/format-event.ts';
import type { AnswerFacts } from '../dialect.ts';
import type { AnswerEvent, BlockKind } from '../neutral/answer-event.ts';
import type { StreamWriter } from '../neutral/translated-stream.ts';
import { emptyBlock, emptyMessage, signatureOf, stopOf, usageOf } from './message.ts';

/** One event of a stream, with the name that Anthropic's clients dispatch on. */
const typed = (type: string, members: object = {}): string =>
  formatEvent({ type, ...members }, type);

export const PING = typed('ping');

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
export class EventWriter implements StreamWriter {
  readonly #facts: AnswerFacts;
  /** Of the open block, else of the last one. */
  #index = -1;
  #block: BlockKind['type'] = 'text';

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
        return this.#ofBlock('content_block_start', { content_block: emptyBlock(event.block) });
      case 'delta':
        return this.#ofBlock('content_block_delta', { delta: deltaOf(this.#block, event.text) });
      case 'close':
        return this.#signature() + this.#ofBlock('content_block_stop');
      case 'finish':
        return (
          typed('message_delta', {
            delta: stopOf(event.finish),
            usage: usageOf(event.usage, this.#facts),
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
