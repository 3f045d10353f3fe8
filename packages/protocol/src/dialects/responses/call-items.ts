import type { JsonObject } from '../../json/json-object.ts';
import { CustomInput } from './custom-input.ts';
import {
  itemAdded,
  itemAt,
  itemDone,
  type ItemEvent,
  type ItemPlace,
  type ItemStatus,
  type OutputItem,
} from './output-item.ts';
import type { ClientTool } from './tool-names.ts';

/** A call, and the tool as the client knows it. */
export interface ItemCall {
  readonly callId: string;
  readonly tool: ClientTool;
}

/** A call as an item. @param written - What the model has written of it, under the name that its type has for that. */
const callJson = (
  type: 'function_call' | 'custom_tool_call',
  { id }: ItemPlace,
  { callId, tool }: ItemCall,
  { status, ...written }: { readonly status: ItemStatus; readonly [member: string]: string },
): JsonObject => ({
  id,
  type,
  status,
  call_id: callId,
  name: tool.name,
  namespace: tool.namespace,
  ...written,
});

/** A call of a function. */
export class FunctionCallItem implements OutputItem {
  readonly #place: ItemPlace;
  readonly #call: ItemCall;
  #arguments = '';

  constructor(place: ItemPlace, call: ItemCall) {
    this.#place = place;
    this.#call = call;
  }

  open(): readonly ItemEvent[] {
    return [itemAdded(this.#place, this.json('in_progress'))];
  }

  delta(text: string): readonly ItemEvent[] {
    this.#arguments += text;
    const at = itemAt(this.#place);
    return [{ type: 'response.function_call_arguments.delta', ...at, delta: text }];
  }

  close(status: ItemStatus): readonly ItemEvent[] {
    return [
      {
        type: 'response.function_call_arguments.done',
        ...itemAt(this.#place),
        name: this.#call.tool.name,
        arguments: this.#arguments,
      },
      itemDone(this.#place, this.json(status)),
    ];
  }

  json(status: ItemStatus): JsonObject {
    const written = { status, arguments: this.#arguments };
    return callJson('function_call', this.#place, this.#call, written);
  }
}

/** A call of a custom tool: the node sends the arguments of a function, the client gets the input in them. */
export class CustomCallItem implements OutputItem {
  readonly #place: ItemPlace;
  readonly #call: ItemCall;
  readonly #reader = new CustomInput();
  #input = '';

  constructor(place: ItemPlace, call: ItemCall) {
    this.#place = place;
    this.#call = call;
  }

  open(): readonly ItemEvent[] {
    return [itemAdded(this.#place, this.json('in_progress'))];
  }

  delta(text: string): readonly ItemEvent[] {
    return this.#add(this.#reader.push(text));
  }

  close(status: ItemStatus): readonly ItemEvent[] {
    const rest = this.#add(this.#reader.end());
    const at = itemAt(this.#place);
    return [
      ...rest,
      { type: 'response.custom_tool_call_input.done', ...at, input: this.#input },
      itemDone(this.#place, this.json(status)),
    ];
  }

  json(status: ItemStatus): JsonObject {
    const written = { status, input: this.#input };
    return callJson('custom_tool_call', this.#place, this.#call, written);
  }

  #add(input: string): readonly ItemEvent[] {
    if (input === '') return [];
    this.#input += input;
    const at = itemAt(this.#place);
    return [{ type: 'response.custom_tool_call_input.delta', ...at, delta: input }];
  }
}
