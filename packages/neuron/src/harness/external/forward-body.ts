/** The body that an external server gets: the caller's bytes with what must change for that server (behaviour 1). */
import {
  type ByteEdit,
  isMultipart,
  type JsonView,
  readFormFields,
  readJsonViewInSlices,
  rewriteBody,
  spliceFormField,
} from '@cortex/protocol';

import { parseJsonObject } from '../../json-body.ts';
import { type HarnessRequest, isGenerateRoute } from '../harness.ts';
import { planChat } from './chat-body/chat-plan.ts';
import type { FormOption } from './chat-body/taken-fields.ts';
import { KINDS } from './server-kinds.ts';
import type { UpstreamServing } from './upstream-target.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Members = Readonly<Record<string, unknown>>;

/** The body of one request, in the forms in which it is tried. */
export interface ForwardBody {
  /** What the server may refuse. */
  readonly options: readonly FormOption[];
  /** @param choices - One of each option. @returns the body in parts */
  toParts(choices: readonly (string | undefined)[]): Promise<readonly Bytes[]>;
}

const MODEL = ['model'] as const;
const CHAT = '/v1/chat/completions';
const USAGE = 'stream_options';
/** Defaults that a template may render. */
const RENDERED: ReadonlySet<string> = new Set(['reasoning_effort', 'chat_template_kwargs']);
const USAGE_OPTION: FormOption = [USAGE, undefined];

/** Whether the request is for a stream of text and says nothing about usage. */
export const isUsageOpen = ({
  route,
  request: { body },
}: Pick<UpstreamServing, 'route' | 'request'>): boolean =>
  isGenerateRoute(route) && body['stream'] === true && !(USAGE in body);

/** @throws CortexError `malformed_json` */
export async function planForward(serving: UpstreamServing): Promise<ForwardBody> {
  const { route, request, target } = serving;
  const { upstreamModel, kind } = target;
  const { bytes, body, headers } = request;
  const contentType = headers.get('content-type');
  if (isMultipart(contentType)) {
    const field = readFormFields(bytes, contentType).get('model');
    const isNamed = !field || field.value === upstreamModel;
    const parts = [isNamed ? bytes : spliceFormField(bytes, field, upstreamModel)];
    return { options: [], toParts: async () => parts };
  }
  const defaults = { ...target.params, ...request.params };
  const asksUsage = isUsageOpen(serving);
  const plan =
    route === CHAT
      ? await planChat(bytes, { chat: KINDS[kind].chat, body, defaults })
      : { options: [], apply: () => ({ edits: [], members: absentOf(body, defaults) }) };
  return {
    options: [...plan.options, ...(asksUsage ? [USAGE_OPTION] : [])],
    toParts(choices) {
      const { edits, members } = plan.apply(choices);
      const usage = choices.includes(USAGE) ? { [USAGE]: { include_usage: true } } : {};
      return rewrite(request, { edits, members: { ...members, ...usage }, upstreamModel });
    },
  };
}

/**
 * The body of a chat of which only the tokens are asked for, as the server gets it.
 *
 * @throws CortexError `malformed_json`
 */
export async function toTokenizerBody({
  request,
  target,
}: Pick<UpstreamServing, 'request' | 'target'>): Promise<Members> {
  const { bytes, body } = request;
  if (!Array.isArray(body['messages'])) return body;
  const params = Object.entries({ ...target.params, ...request.params });
  const defaults = Object.fromEntries(params.filter(([name]) => RENDERED.has(name)));
  const plan = await planChat(bytes, { chat: KINDS[target.kind].chat, body, defaults });
  const forms = target.takenFields.open(plan.options);
  const { upstreamModel } = target;
  const parts = await rewrite(request, { ...plan.apply(forms.form), upstreamModel });
  return parseJsonObject(await new Blob([...parts]).bytes());
}

const absentOf = (body: Members, defaults: Members): Members =>
  Object.fromEntries(Object.entries(defaults).filter(([name]) => !(name in body)));

async function rewrite(
  request: Pick<HarnessRequest, 'bytes' | 'body' | 'modelRange'>,
  {
    edits,
    members,
    upstreamModel,
  }: {
    readonly edits: readonly ByteEdit[];
    readonly members: Members;
    readonly upstreamModel: string;
  },
): Promise<readonly Bytes[]> {
  const { bytes, body } = request;
  const isNamed = body['model'] === upstreamModel;
  if (isNamed && edits.length === 0 && Object.keys(members).length === 0) return [bytes];
  const modelRange = isNamed ? undefined : await modelRangeOf(request);
  return rewriteBody(bytes, { members, modelRange, model: upstreamModel, edits });
}

async function modelRangeOf({
  bytes,
  modelRange,
}: Pick<HarnessRequest, 'bytes' | 'modelRange'>): Promise<JsonView['modelRange']> {
  return modelRange ?? (await readJsonViewInSlices(bytes, MODEL)).modelRange;
}
