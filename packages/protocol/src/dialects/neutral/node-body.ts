import type { JsonObject } from '../../json/json-object.ts';
import type { ClientBody } from '../dialect.ts';

/** A body for a node, which knows the model by a name of its own. */
export type NodeBody = Pick<ClientBody, 'named'>;

const encoder = new TextEncoder();

/** A body of which everything but the model is known. It is written once for attempts with the same model. */
export function nodeBody(write: (model: string) => JsonObject): NodeBody {
  let last: { readonly model: string; readonly bytes: Uint8Array<ArrayBuffer> } | undefined;
  return {
    named(model) {
      if (last?.model !== model)
        last = { model, bytes: encoder.encode(JSON.stringify(write(model))) };
      return last.bytes;
    },
  };
}
