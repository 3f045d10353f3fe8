/** Bodies that take long to parse: they are scanned in slices, and parsed only for a harness that reads them whole. */
import { type JsonView, readJsonViewInSlices } from '@cortex/protocol';

import type { HarnessRequest } from '../harness/harness.ts';
import { parseJsonObject, withExactSeed } from '../json-body.ts';
import type { Models, ServableModel } from '../models/models.ts';

export type ReadBody = Pick<HarnessRequest, 'body' | 'bytes' | 'modelRange'>;

export interface LargeBodyOptions {
  readonly models: Models;
  /** Sampling defaults that cortex sent with the request. */
  readonly params: Readonly<Record<string, unknown>> | undefined;
  /** Whether the bytes may be sent on without being parsed. */
  readonly isForwarded: boolean;
  /** Refuses a body that its model cannot read. */
  readonly check: (serving: ServableModel, bytes: Uint8Array) => void;
}

/** What a harness that forwards bodies reads of them, besides the names of its defaults. */
const FIELDS = ['model', 'n', 'stream', 'stream_options'] as const;

export const parseWhole = (bytes: Uint8Array<ArrayBuffer>): ReadBody => ({
  body: withExactSeed(parseJsonObject(bytes), bytes),
  bytes,
});

/** The names whose presence decides about a default. A dot would name the member of a member. */
function defaultNames({ models, params = {} }: LargeBodyOptions): readonly string[] {
  const loaded = models.loaded().map(({ settings }) => settings?.params ?? {});
  return [...loaded, params]
    .flatMap((table) => Object.keys(table))
    .filter((name) => !name.includes('.'));
}

const toBody = ({ values, containers }: JsonView): Readonly<Record<string, unknown>> => ({
  ...values,
  ...Object.fromEntries([...containers].map((name) => [name, {}])),
});

/** @throws CortexError `malformed_json`; what `check` refuses */
export async function readLargeBody(
  bytes: Uint8Array<ArrayBuffer>,
  options: LargeBodyOptions,
): Promise<ReadBody> {
  const { models, isForwarded, check } = options;
  const view = await readJsonViewInSlices(bytes, [...FIELDS, ...defaultNames(options)]);
  const { model } = view.values;
  const serving = typeof model === 'string' ? models.serving(model) : undefined;
  if (serving) check(serving, bytes);
  // A name that is invalid or unknown is all that is read of such a body.
  const isRead = serving ? serving.harness.forwardsBodies !== true : false;
  if (isRead || !isForwarded) return parseWhole(bytes);
  return { body: toBody(view), bytes, modelRange: view.modelRange };
}
