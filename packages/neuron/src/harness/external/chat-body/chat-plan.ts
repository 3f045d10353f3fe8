/** How the body of a chat has to change for a kind of server. */
import { type ByteEdit, type ByteRange, isJsonObject, membersEdit } from '@cortex/protocol';

import { type ChatFields, CONTINUATION } from '../server-kinds.ts';
import { type ChatOutline, readChatOutline, readWord, TEMPLATE_VARIABLES } from './chat-outline.ts';
import { editLateSystem, hasLateSystem } from './late-system-turns.ts';
import { removeMembers } from './remove-members.ts';
import type { FormOption } from './taken-fields.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Members = Readonly<Record<string, unknown>>;

const EFFORT = 'reasoning_effort';
/** The limit of thoughts in our API. */
const BUDGET = 'thinking_budget_tokens';
/** What templates call the switch: first Qwen, GLM and Gemma, then DeepSeek and Granite. */
const SWITCHES = ['enable_thinking', 'thinking'] as const;
const [SWITCH_FIELD] = SWITCHES;

/** Of each effort, what may be sent for it: itself, then what comes nearest, for servers that do not know it. */
const NEAREST: ReadonlyMap<string, readonly string[]> = new Map([
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

const UNCERTAIN = 'uncertain fields';
const EFFORT_CHOICE = 'effort ';

const OPEN_BRACE = 0x7b;
const decoder = new TextDecoder();

/** What a request is sent with. */
export interface ChatChanges {
  readonly edits: readonly ByteEdit[];
  /** To be added; `edits` have removed them where the body has them. */
  readonly members: Members;
}

export interface ChatPlan {
  /** What the server may refuse. */
  readonly options: readonly FormOption[];
  /** @param choices - One of each option. */
  apply(choices: readonly (string | undefined)[]): ChatChanges;
}

export interface ChatPlanOptions {
  readonly chat: ChatFields;
  /** The body, parsed or the few fields of it that are known. */
  readonly body: Members;
  /** The operator's, for members that the body does not have. */
  readonly defaults: Members;
}

const namesOf = ({ budget, uncertain }: ChatFields): readonly string[] => [
  ...new Set([EFFORT, BUDGET, SWITCH_FIELD, ...CONTINUATION, ...uncertain, budget ?? BUDGET]),
];

/** Whether a body may have to change. One that was not parsed may. */
function mayChange({ chat, body, defaults }: ChatPlanOptions): boolean {
  const { messages } = body;
  if (!Array.isArray(messages)) return true;
  const roles = messages.map((turn: unknown) => (isJsonObject(turn) ? turn['role'] : undefined));
  return (
    hasLateSystem(roles) ||
    namesOf(chat).some((name) => name in body) ||
    EFFORT in defaults ||
    BUDGET in defaults
  );
}

/** @throws CortexError `malformed_json` */
export async function planChat(bytes: Bytes, options: ChatPlanOptions): Promise<ChatPlan> {
  const { chat, body, defaults } = options;
  const absent = Object.fromEntries(Object.entries(defaults).filter(([name]) => !(name in body)));
  if (!mayChange(options)) return { options: [], apply: () => ({ edits: [], members: absent }) };
  const outline = await readChatOutline(bytes, { members: namesOf(chat), variables: SWITCHES });
  return planOf({ bytes, outline, chat, absent });
}

interface ChatView {
  readonly bytes: Bytes;
  readonly outline: ChatOutline;
  readonly chat: ChatFields;
  /** Members of the operator that the body does not have. */
  readonly absent: Members;
}

interface Change {
  /** Names of members that are left out, the client's and the operator's. */
  readonly removed?: readonly string[];
  readonly members?: Members;
  readonly edits?: readonly ByteEdit[];
}

function planOf(view: ChatView): ChatPlan {
  const { bytes, outline, chat, absent } = view;
  const effort = effortOf(view);
  const budget = budgetChange(view);
  const fixed = [switchChange(view, effort), budget];
  const sent = { ...absent, ...Object.fromEntries(outline.members), ...budget.members };
  const uncertain = chat.uncertain.filter((name) => name in sent);
  const efforts = NEAREST.get(effort ?? '')?.filter((one) => chat.efforts?.includes(one) ?? true);
  const turns = editLateSystem(bytes, outline.turns);
  return {
    options: [
      ...(uncertain.length > 0 ? [[UNCERTAIN, undefined] as const] : []),
      ...(efforts ? [[...efforts.map((one) => EFFORT_CHOICE + one), undefined] as const] : []),
    ],
    apply(choices) {
      const dropped = [...chat.lacks, ...(choices.includes(UNCERTAIN) ? [] : uncertain)];
      const changes = [...fixed, effortChange(view, effort, chosenEffort(choices))];
      const removed = new Set([...dropped, ...changes.flatMap((change) => change.removed ?? [])]);
      const values = [...removed].flatMap((name) => outline.members.get(name) ?? []);
      const added: Members = Object.assign({}, ...changes.map(({ members }) => members));
      return {
        edits: [
          ...turns,
          ...changes.flatMap(({ edits = [] }) => edits),
          ...removeMembers(bytes, values),
        ],
        members: { ...without(absent, removed), ...without(added, new Set(dropped)) },
      };
    },
  };
}

const without = (members: Members, names: ReadonlySet<string>): Members =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !names.has(name)));

const lastOf = ({ outline }: ChatView, name: string): ByteRange | undefined =>
  outline.members.get(name)?.at(-1);

/** Whether the client switches thoughts in the words of the template or of the server, which overrides an effort. */
const hasOwnSwitch = ({ outline }: ChatView): boolean =>
  outline.variables.size > 0 || outline.members.has(SWITCH_FIELD);

/** The effort that counts: the client's, else the operator's. */
function effortOf(view: ChatView): string | undefined {
  const range = lastOf(view, EFFORT);
  if (range) return readWord(view.bytes, range);
  const effort = hasOwnSwitch(view) ? undefined : view.absent[EFFORT];
  return typeof effort === 'string' ? effort : undefined;
}

const chosenEffort = (choices: readonly (string | undefined)[]): string | undefined =>
  choices.find((choice) => choice?.startsWith(EFFORT_CHOICE) === true)?.slice(EFFORT_CHOICE.length);

/** @param chosen - Absent: none is sent. */
function effortChange(view: ChatView, asked: string | undefined, chosen?: string): Change {
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

function switchChange(view: ChatView, effort: string | undefined): Change {
  const { bytes, outline, chat, absent } = view;
  const known = effort !== undefined && NEAREST.has(effort) ? !OFF.has(effort) : undefined;
  const isOn = readFlag(view, SWITCH_FIELD) ?? known;
  if (isOn === undefined || chat.switch === undefined) return {};
  const isAsked = outline.members.has(EFFORT) || outline.members.has(SWITCH_FIELD);
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

function budgetChange(view: ChatView): Change {
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
