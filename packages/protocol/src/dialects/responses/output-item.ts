import type { JsonObject } from '../../json/json-object.ts';

export type ItemStatus = 'in_progress' | 'completed' | 'incomplete';

/** An event without its sequence number. */
export interface ItemEvent {
  readonly type: `response.${string}`;
  readonly [member: string]: unknown;
}

/** An item that is written while the model writes it. */
export interface OutputItem {
  open(): readonly ItemEvent[];
  delta(text: string): readonly ItemEvent[];
  close(status: ItemStatus): readonly ItemEvent[];
  /** The item as far as it is known. */
  json(status: ItemStatus): JsonObject;
}

/** Where an item is. */
export interface ItemPlace {
  readonly id: string;
  /** In the output. */
  readonly index: number;
}

/** An item begins. */
export const itemAdded = ({ index }: ItemPlace, item: JsonObject): ItemEvent => ({
  type: 'response.output_item.added',
  output_index: index,
  item,
});
/** An item is complete, or as complete as it will be. */
export const itemDone = ({ index }: ItemPlace, item: JsonObject): ItemEvent => ({
  type: 'response.output_item.done',
  output_index: index,
  item,
});

/** The place of an item, as its events name it. */
export const itemAt = ({ id, index }: ItemPlace): JsonObject => ({
  item_id: id,
  output_index: index,
});

/** The place of the part of an item: items have one each. */
export const partOf = (place: ItemPlace): JsonObject => ({ ...itemAt(place), content_index: 0 });
