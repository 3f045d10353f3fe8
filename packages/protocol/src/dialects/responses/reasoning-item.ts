import type { JsonObject } from '../../json/json-object.ts';
import {
  itemAdded,
  itemAt,
  itemDone,
  type ItemEvent,
  type ItemPlace,
  type ItemStatus,
  type OutputItem,
  partOf,
} from './output-item.ts';
import { packThoughts } from './thoughts.ts';

/** Where the thoughts are in a reasoning item. */
export interface ReasoningForm {
  /** In its summary, because clients that ask for a summary show nothing else; false: in its content. */
  readonly isSummary: boolean;
  /** Also in `encrypted_content`. */
  readonly isPacked: boolean;
}

/** Thoughts of the model. */
export class ReasoningItem implements OutputItem {
  readonly #place: ItemPlace;
  readonly #form: ReasoningForm;
  #text = '';

  constructor(place: ItemPlace, form: ReasoningForm) {
    this.#place = place;
    this.#form = form;
  }

  open(): readonly ItemEvent[] {
    const { id } = this.#place;
    const item = { id, type: 'reasoning', status: 'in_progress', summary: [] };
    const kind = this.#form.isSummary ? 'reasoning_summary_part' : 'content_part';
    return [
      itemAdded(this.#place, item),
      { type: `response.${kind}.added`, ...this.#at(), part: this.#part() },
    ];
  }

  delta(text: string): readonly ItemEvent[] {
    this.#text += text;
    return [{ type: `response.${this.#textKind}.delta`, ...this.#at(), delta: text }];
  }

  close(status: ItemStatus): readonly ItemEvent[] {
    const kind = this.#form.isSummary ? 'reasoning_summary_part' : 'content_part';
    return [
      { type: `response.${this.#textKind}.done`, ...this.#at(), text: this.#text },
      { type: `response.${kind}.done`, ...this.#at(), part: this.#part() },
      itemDone(this.#place, this.json(status)),
    ];
  }

  json(status: ItemStatus): JsonObject {
    const { isSummary, isPacked } = this.#form;
    const parts = [this.#part()];
    return {
      id: this.#place.id,
      type: 'reasoning',
      status,
      ...(isSummary ? { summary: parts } : { summary: [], content: parts }),
      encrypted_content: isPacked ? packThoughts(this.#text) : undefined,
    };
  }

  get #textKind(): string {
    return this.#form.isSummary ? 'reasoning_summary_text' : 'reasoning_text';
  }

  #at(): JsonObject {
    return this.#form.isSummary
      ? { ...itemAt(this.#place), summary_index: 0 }
      : partOf(this.#place);
  }

  #part(): JsonObject {
    return { type: this.#form.isSummary ? 'summary_text' : 'reasoning_text', text: this.#text };
  }
}
