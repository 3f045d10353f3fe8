/** The body that an external server gets: the caller's bytes, with the server's name of the model (behaviour 1). */
import {
  isMultipart,
  type JsonView,
  readFormFields,
  readJsonViewInSlices,
  rewriteBody,
  spliceFormField,
} from '@cortex/protocol';

import { type HarnessRequest, isGenerateRoute } from '../harness.ts';
import type { UpstreamServing } from './upstream-target.ts';

export interface ForwardOptions {
  readonly upstreamModel: string;
  /** Defaults of the operator, for fields that the body does not have. */
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Whether to ask for the usage at the end of the stream. */
  readonly asksUsage: boolean;
}

const MODEL = ['model'] as const;

/** Whether the request is for a stream of text and says nothing about usage. */
export const isUsageOpen = ({
  route,
  request: { body },
}: Pick<UpstreamServing, 'route' | 'request'>): boolean =>
  isGenerateRoute(route) && body['stream'] === true && !('stream_options' in body);

/** The body in parts. */
export async function toForwardBody(
  request: Pick<HarnessRequest, 'bytes' | 'body' | 'headers' | 'modelRange'>,
  { upstreamModel, defaults, asksUsage }: ForwardOptions,
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const { bytes, body, headers } = request;
  const contentType = headers.get('content-type');
  if (isMultipart(contentType)) {
    const field = readFormFields(bytes, contentType).get('model');
    if (!field || field.value === upstreamModel) return [bytes];
    return [spliceFormField(bytes, field, upstreamModel)];
  }
  const absent = Object.entries(defaults).filter(([name]) => !(name in body));
  const members = {
    ...Object.fromEntries(absent),
    ...(asksUsage && { stream_options: { include_usage: true } }),
  };
  const isNamed = body['model'] === upstreamModel;
  if (isNamed && Object.keys(members).length === 0) return [bytes];
  const modelRange = isNamed ? undefined : await modelRangeOf(request);
  return rewriteBody(bytes, { members, modelRange, model: upstreamModel });
}

async function modelRangeOf({
  bytes,
  modelRange,
}: Pick<HarnessRequest, 'bytes' | 'modelRange'>): Promise<JsonView['modelRange']> {
  return modelRange ?? (await readJsonViewInSlices(bytes, MODEL)).modelRange;
}
