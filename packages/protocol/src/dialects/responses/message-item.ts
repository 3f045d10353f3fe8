import type { JsonObject } from '../../json/json-object.ts';
import {
  itemAdded,
  itemDone,
  type ItemEvent,
  type ItemPlace,
  type ItemStatus,
  type OutputItem,
  partOf,
} from './output-item.ts';

/** Text that the model says. */
export class MessageItem implements OutputItem {
  readonly #place: ItemPlace;
  #text = '';

  constructor(place: ItemPlace) {
    this.#place = place;
  }

  open(): readonly ItemEvent[] {
    const item = { ...this.json('in_progress'), content: [] };
    const part = this.#part();
    return [
      itemAdded(this.#place, item),
      { type: 'response.content_part.added', ...partOf(this.#place), part },
    ];
  }

  delta(text: string): readonly ItemEvent[] {
    this.#text += text;
    const members = { ...partOf(this.#place), delta: text, logprobs: [] };
    return [{ type: 'response.output_text.delta', ...members }];
  }

  close(status: ItemStatus): readonly ItemEvent[] {
    const at = partOf(this.#place);
    return [
      { type: 'response.output_text.done', ...at, text: this.#text, logprobs: [] },
      { type: 'response.content_part.done', ...at, part: this.#part() },
      itemDone(this.#place, this.json(status)),
    ];
  }

  json(status: ItemStatus): JsonObject {
    const { id } = this.#place;
    return { id, type: 'message', status, role: 'assistant', content: [this.#part()] };
  }

  #part(): JsonObject {
    return { type: 'output_text', annotations: [], logprobs: [], text: this.#text };
  }
}
