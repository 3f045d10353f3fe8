/** What the fields that switch and limit thoughts become in the words of a kind of server. */
import { type ByteEdit, type ByteRange, isJsonObject, membersEdit } from '@cortex/protocol';

import type { ChatFields } from '../server-kinds.ts';
import { type ChatOutline, readWord, TEMPLATE_VARIABLES } from './chat-outline.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Members = Readonly<Record<string, unknown>>;

/** The effort in our API. */
export const EFFORT = 'reasoning_effort';
/** The limit of thoughts in our API. */
export const BUDGET = 'thinking_budget_tokens';
/** What templates call the switch: first Qwen, GLM and Gemma, then DeepSeek and Granite. */
export const SWITCHES = ['enable_thinking', 'thinking'] as const;
export const [SWITCH_FIELD] = SWITCHES;

/** Of each effort, what may be sent for it: itself, then what comes nearest, for servers that do not know it. */
export const NEAREST: ReadonlyMap<string, readonly string[]> = new Map([
  ['none', ['none', 'low']],
  ['minimal', ['minimal', 'none', 'low']],
  ['low', ['low']],
  ['medium', ['medium']],
  ['high', ['high']],
  ['xhigh', ['xhigh', 'high']],
  ['max', ['max', 'xhigh', 'high']],
]);
/** Efforts that mean no thoughts where a model only has a switch. */
const OFF: ReadonlySet<string> = new Set(['none', 'minimal']);

const OPEN_BRACE = 0x7b;
const decoder = new TextDecoder();

/** A body and the server that it is for. */
export interface ChatView {
  readonly bytes: Bytes;
  readonly outline: ChatOutline;
  readonly chat: ChatFields;
  /** Members of the operator that the body does not have. */
  readonly absent: Members;
}

/** A change of one thing in a body. */
export interface Change {
  /** Names of members that are left out, the client's and the operator's. */
  readonly removed?: readonly string[];
  readonly members?: Members;
  readonly edits?: readonly ByteEdit[];
}

const lastOf = ({ outline }: ChatView, name: string): ByteRange | undefined =>
  outline.members.get(name)?.at(-1);

/** Whether the client switches thoughts in the words of the template or of the server, which overrides an effort. */
const hasOwnSwitch = ({ outline }: ChatView): boolean =>
  outline.variables.size > 0 || outline.members.has(SWITCH_FIELD);

/** The effort that counts: the client's, else the operator's. */
export function effortOf(view: ChatView): string | undefined {
  const range = lastOf(view, EFFORT);
  if (range) return readWord(view.bytes, range);
  const effort = hasOwnSwitch(view) ? undefined : view.absent[EFFORT];
  return typeof effort === 'string' ? effort : undefined;
}

/** @param chosen - The effort to send for `asked`; absent: none is sent. */
export function effortChange(view: ChatView, asked: string | undefined, chosen?: string): Change {
  const isInBody = view.outline.members.has(EFFORT);
  // The server judges an effort that neuron does not know.
  if (asked === undefined || !NEAREST.has(asked))
    return !isInBody && hasOwnSwitch(view) ? { removed: [EFFORT] } : {};
  if (isInBody && chosen === asked) return {};
  return { removed: [EFFORT], members: chosen === undefined ? {} : { [EFFORT]: chosen } };
}

/** `true` or `false` in the body; undefined: something else. */
function readFlag(view: ChatView, name: string): boolean | undefined {
  const range = lastOf(view, name);
  const text = range && range[1] - range[0] <= 5 ? textAt(view, range) : '';
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

const textAt = ({ bytes }: ChatView, range: ByteRange): string =>
  decoder.decode(bytes.subarray(...range));

/** The switch of the kind, set by `enable_thinking` or by the effort: by the client's, else by the operator's. */
export function switchChange(view: ChatView, effort: string | undefined): Change {
  const { bytes, outline, chat, absent } = view;
  const known = effort !== undefined && NEAREST.has(effort) ? !OFF.has(effort) : undefined;
  const isAsked = outline.members.has(EFFORT) || outline.members.has(SWITCH_FIELD);
  const isMeant = isAsked ? readFlag(view, SWITCH_FIELD) : absent[SWITCH_FIELD];
  const isOn = typeof isMeant === 'boolean' ? isMeant : known;
  if (isOn === undefined || chat.switch === undefined) return {};
  if (chat.switch === 'field') {
    const isGiven = outline.members.has(SWITCH_FIELD) || (!isAsked && SWITCH_FIELD in absent);
    return isGiven ? {} : { members: { [SWITCH_FIELD]: isOn } };
  }
  const given = isJsonObject(absent[TEMPLATE_VARIABLES]) ? absent[TEMPLATE_VARIABLES] : {};
  const isGiven = !isAsked && SWITCHES.some((name) => name in given);
  if (outline.variables.size > 0 || isGiven) return {};
  const variables = Object.fromEntries(SWITCHES.map((name) => [name, isOn]));
  const range = lastOf(view, TEMPLATE_VARIABLES);
  if (!range) return { members: { [TEMPLATE_VARIABLES]: { ...given, ...variables } } };
  if (bytes[range[0]] === OPEN_BRACE) return { edits: [membersEdit(bytes, variables, range[0])] };
  // Null means none; the server judges anything else.
  if (textAt(view, [range[0], range[0] + 4]) !== 'null') return {};
  return { removed: [TEMPLATE_VARIABLES], members: { [TEMPLATE_VARIABLES]: variables } };
}

/** The limit of thoughts under the name that the kind has for it. */
export function budgetChange(view: ChatView): Change {
  const { chat, outline, absent } = view;
  const range = lastOf(view, BUDGET);
  const isKept = chat.budget === BUDGET || (!range && !(BUDGET in absent));
  if (isKept) return {};
  const removed = [BUDGET];
  const value = range
    ? Number(range[1] - range[0] <= 9 ? textAt(view, range) : 'NaN')
    : absent[BUDGET];
  const isGiven = chat.budget === undefined || outline.members.has(chat.budget);
  if (isGiven || !Number.isInteger(value) || Number(value) < 0) return { removed };
  return { removed, members: { [chat.budget]: value } };
}
