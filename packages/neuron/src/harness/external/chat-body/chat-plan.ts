/** How the body of a chat has to change for a kind of server. */
import { type ByteEdit, isJsonObject } from '@cortex/protocol';

import { type ChatFields, CONTINUATION } from '../server-kinds.ts';
import { readChatOutline } from './chat-outline.ts';
import { editLateSystem, hasLateSystem } from './late-system-turns.ts';
import { removeMembers } from './remove-members.ts';
import type { FormOption } from './taken-fields.ts';
import {
  BUDGET,
  budgetChange,
  type ChatView,
  EFFORT,
  effortChange,
  effortOf,
  NEAREST,
  SWITCH_FIELD,
  switchChange,
  SWITCHES,
} from './thinking-changes.ts';

type Bytes = Uint8Array<ArrayBuffer>;
type Members = Readonly<Record<string, unknown>>;

/** A choice that sends these fields. What the server takes of one field says nothing about another. */
const fieldsChoice = (names: readonly string[]): string => `fields ${names.join(' ')}`;
const EFFORT_CHOICE = 'effort ';

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
  return hasLateSystem(roles) || namesOf(chat).some((name) => name in body || name in defaults);
}

/** @throws CortexError `malformed_json` */
export async function planChat(bytes: Bytes, options: ChatPlanOptions): Promise<ChatPlan> {
  const { chat, body, defaults } = options;
  const absent = Object.fromEntries(Object.entries(defaults).filter(([name]) => !(name in body)));
  if (!mayChange(options)) return { options: [], apply: () => ({ edits: [], members: absent }) };
  const outline = await readChatOutline(bytes, { members: namesOf(chat), variables: SWITCHES });
  return planOf({ bytes, outline, chat, absent });
}

function planOf(view: ChatView): ChatPlan {
  const { bytes, outline, chat, absent } = view;
  const effort = effortOf(view);
  const budget = budgetChange(view);
  const fixed = [switchChange(view, effort), budget];
  const sent = new Set(
    [absent, budget.members ?? {}].flatMap(Object.keys).concat(...outline.members.keys()),
  );
  const uncertain = chat.uncertain.filter((name) => sent.has(name));
  const withFields = fieldsChoice(uncertain);
  const efforts = NEAREST.get(effort ?? '')?.filter((one) => chat.efforts?.includes(one) ?? true);
  const turns = editLateSystem(bytes, outline.turns);
  return {
    options: [
      ...(uncertain.length > 0 ? [[withFields, undefined] as const] : []),
      ...(efforts ? [[...efforts.map((one) => EFFORT_CHOICE + one), undefined] as const] : []),
    ],
    apply(choices) {
      const dropped = [...chat.lacks, ...(choices.includes(withFields) ? [] : uncertain)];
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

const chosenEffort = (choices: readonly (string | undefined)[]): string | undefined =>
  choices.find((choice) => choice?.startsWith(EFFORT_CHOICE) === true)?.slice(EFFORT_CHOICE.length);
