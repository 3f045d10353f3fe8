import {
  insertFormField,
  insertModel,
  isMultipart,
  readFormView,
  readRequestView,
  readRequestViewInSlices,
  type RequestView,
  spliceFormField,
  spliceModel,
} from '@cortex/protocol';

import { type InferenceRoute } from './inference-routes.ts';

/** A body to forward: what routing needs of it, and its bytes for a node. */
export interface ForwardBody {
  readonly view: RequestView;
  /** The client's bytes, with `model` replaced if the node uses another name, or added if it is missing. */
  named(model: string): Uint8Array<ArrayBuffer>;
}

/** Bodies up to this size are parsed without a pause. */
const SMALL_BODY_BYTES = 64 << 10;

/**
 * Reads what routing needs of a body, a form on the routes that take one.
 *
 * @throws CortexError `malformed_json`, or `invalid_request` with `param`
 */
export async function readForwardBody(
  bytes: Uint8Array<ArrayBuffer>,
  headers: Headers,
  { takesForms }: Pick<InferenceRoute, 'takesForms'>,
): Promise<ForwardBody> {
  const contentType = headers.get('content-type');
  if (takesForms && isMultipart(contentType)) {
    const { modelField, ...view } = readFormView(bytes, headers);
    return {
      view,
      named(model) {
        if (view.model === model) return bytes;
        if (modelField) return spliceFormField(bytes, modelField, model);
        return insertFormField(bytes, contentType, { name: 'model', value: model });
      },
    };
  }
  const view =
    bytes.length <= SMALL_BODY_BYTES
      ? readRequestView(bytes, headers)
      : await readRequestViewInSlices(bytes, headers);
  return {
    view,
    named(model) {
      if (view.model === model) return bytes;
      const range = view.json.modelRange;
      return range === undefined ? insertModel(bytes, model) : spliceModel(bytes, range, model);
    },
  };
}
