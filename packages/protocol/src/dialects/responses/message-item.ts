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

/** How the API names the text of a message. */
interface PartForm {
  /** Of the events with the text. */
  readonly event: 'output_text' | 'refusal';
  /** That has the text in the part, and in the event with the whole text. */
  readonly member: 'text' | 'refusal';
  /** Members of the part beside its text. */
  readonly part: JsonObject;
  /** Members of the events with the text. */
  readonly logged: JsonObject;
}

const FORMS = {
  text: {
    event: 'output_text',
    member: 'text',
    part: { type: 'output_text', annotations: [], logprobs: [] },
    logged: { logprobs: [] },
  },
  refusal: { event: 'refusal', member: 'refusal', part: { type: 'refusal' }, logged: {} },
} as const satisfies Record<string, PartForm>;

/** Text that the model says: an answer, or why there is none. */
export class MessageItem implements OutputItem {
  readonly #place: ItemPlace;
  readonly #form: PartForm;
  #text = '';

  constructor(place: ItemPlace, form: keyof typeof FORMS) {
    this.#place = place;
    this.#form = FORMS[form];
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
    const { event, logged } = this.#form;
    return [{ type: `response.${event}.delta`, ...partOf(this.#place), delta: text, ...logged }];
  }

  close(status: ItemStatus): readonly ItemEvent[] {
    const at = partOf(this.#place);
    const { event, member, logged } = this.#form;
    return [
      { type: `response.${event}.done`, ...at, [member]: this.#text, ...logged },
      { type: 'response.content_part.done', ...at, part: this.#part() },
      itemDone(this.#place, this.json(status)),
    ];
  }

  json(status: ItemStatus): JsonObject {
    const { id } = this.#place;
    return { id, type: 'message', status, role: 'assistant', content: [this.#part()] };
  }

  #part(): JsonObject {
    const { member, part } = this.#form;
    return { ...part, [member]: this.#text };
  }
}
