import { affinityKeyOf } from './affinity-key.ts';
import { CortexError } from './errors.ts';
import {
  type JsonScalar,
  type JsonView,
  readJsonView,
  readJsonViewInSlices,
} from './json/json-view.ts';
import { readModelField } from './model-field.ts';
import { type FormField, readFormFields } from './multipart.ts';

const WANTED = [
  'model',
  'stream',
  'n',
  'stream_options.include_usage',
  'metadata.user_id',
  'prompt_cache_key',
  'user',
] as const;
const SESSION_FIELDS = ['metadata.user_id', 'prompt_cache_key', 'user'] as const;

/** Most answers per request in OpenAI's API. */
const MAX_ANSWERS = 128;
/** Bodies up to this size are read without a turn of the event loop. */
const MAX_UNSLICED_BYTES = 256 << 10;

/** The fields of an inference request that routing reads. The node gets the bytes of the caller. */
export interface RequestView {
  /** As requested: a name, an alias or `id@node`; undefined when the body names none (absent, null or empty). */
  readonly model: string | undefined;
  readonly stream: boolean;
  /** Number of requested answers; 1 when absent. */
  readonly n: number;
  /** `stream_options.include_usage`; absent when the caller did not set it. */
  readonly includeUsage?: boolean | undefined;
  /**
   * Short key that is constant through one conversation (behaviour 40); undefined when nothing identifies it. Computed
   * when it is first called: few requests need it.
   */
  readonly affinityKey: () => string | undefined;
}

/** A container is no name, and is not among the values. */
const readModel = ({ values, containers }: JsonView): string | undefined =>
  readModelField(containers.has('model') ? {} : values['model']);

function readFlag(value: JsonScalar | undefined, param: string): boolean | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'boolean') return value;
  throw new CortexError('invalid_request', `"${param}" must be true or false.`, { param });
}

function readCount(value: JsonScalar | undefined): number {
  if (value === undefined || value === null) return 1;
  const isCount = typeof value === 'number' && Number.isSafeInteger(value);
  if (isCount && value >= 1 && value <= MAX_ANSWERS) return value;
  throw new CortexError('invalid_request', `"n" must be a whole number from 1 to ${MAX_ANSWERS}.`, {
    param: 'n',
  });
}

function toRequestView(
  json: JsonView,
  headers: Headers,
): RequestView & { readonly json: JsonView } {
  const includeUsage = readFlag(
    json.values['stream_options.include_usage'],
    'stream_options.include_usage',
  );
  return {
    model: readModel(json),
    stream: readFlag(json.values['stream'], 'stream') ?? false,
    n: readCount(json.values['n']),
    includeUsage,
    affinityKey: affinityKeyOf(headers, {
      names: SESSION_FIELDS.map((name) => json.values[name]),
      texts: json.affinityTexts,
    }),
    json,
  };
}

/**
 * Reads the fields of a form that routing needs (`/v1/audio/transcriptions`).
 *
 * @throws CortexError `invalid_request` for a malformed form
 */
export function readFormView(
  bytes: Uint8Array,
  headers: Headers,
): RequestView & { readonly modelField?: FormField | undefined } {
  const modelField = readFormFields(bytes, headers.get('content-type')).get('model');
  return {
    model: readModelField(modelField?.value),
    stream: false,
    n: 1,
    affinityKey: affinityKeyOf(headers, { names: [], texts: () => undefined }),
    modelField,
  };
}

/**
 * Reads the fields of an inference body that routing needs. For bodies of more than 256 KiB use
 * `readRequestViewInSlices`.
 *
 * @throws CortexError `malformed_json`, or `invalid_request` with `param`.
 */
export function readRequestView(
  bytes: Uint8Array,
  headers: Headers,
): RequestView & { readonly json: JsonView } {
  return toRequestView(readJsonView(bytes, WANTED), headers);
}

/** `readRequestView` that yields to the event loop while it reads a large body (behaviour 1). */
export async function readRequestViewInSlices(
  bytes: Uint8Array,
  headers: Headers,
): Promise<RequestView & { readonly json: JsonView }> {
  if (bytes.length <= MAX_UNSLICED_BYTES) return readRequestView(bytes, headers);
  return toRequestView(await readJsonViewInSlices(bytes, WANTED), headers);
}
