/**
 * System turns that are not at the head of the conversation.
 *
 * The templates of many models refuse them ("System message must be at the beginning"), and neuron does not see the
 * template of an external server. Claude Code sends such turns.
 */
import { type ByteEdit, editedParts } from '@cortex/protocol';

import type { TurnContent, TurnOutline } from './chat-outline.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const SYSTEM_ROLES: ReadonlySet<string> = new Set(['system', 'developer']);
/** Roles of turns that belong to the calls before them. */
const RESULT_ROLES: ReadonlySet<string> = new Set(['tool', 'function']);

const encoder = new TextEncoder();
const encode = (text: string): Bytes => encoder.encode(text);

const COMMA = encode(',');
const QUOTE = encode('"');
const USER = encode('"user"');
/** As our own engine joins two turns, escaped. */
const BLANK_LINE = encode(String.raw`\n\n`);
const [OPEN_LIST, CLOSE_LIST] = [encode('['), encode(']')];
const [OPEN_TEXT, CLOSE_TEXT] = [encode('{"type":"text","text":'), encode('}')];

/** Whether a conversation with these roles has a system turn that is not its first turn. */
export const hasLateSystem = (roles: readonly unknown[]): boolean =>
  roles.some((role, at) => at > 0 && typeof role === 'string' && SYSTEM_ROLES.has(role));

interface PlacedTurn {
  readonly turn: TurnOutline;
  readonly change: 'none' | 'to-user' | 'to-head';
}

/**
 * Joins the system turns at the head into one, and makes each later one a user turn: in its place, but behind the
 * results of the calls before it. Such a turn is merged with user turns beside it. Every other turn keeps its bytes.
 *
 * What becomes of a turn depends on the turns before it, and on those after it only up to the next assistant turn: a
 * conversation that grows by an answer keeps the form of its earlier turns.
 */
export function editLateSystem(bytes: Bytes, turns: readonly TurnOutline[]): readonly ByteEdit[] {
  const [first, last] = [turns[0], turns.at(-1)];
  if (!first || !last || !hasLateSystem(turns.map(({ role }) => role))) return [];
  const parts = groupsOf(placed(turns)).flatMap((group, at) => [
    ...(at === 0 ? [] : [COMMA]),
    ...toTurn(bytes, group),
  ]);
  return [{ range: [first.range[0], last.range[1]], parts }];
}

function placed(turns: readonly TurnOutline[]): readonly PlacedTurn[] {
  const out: PlacedTurn[] = [];
  let held: PlacedTurn[] = [];
  let isHead = true;
  for (const turn of turns) {
    if (SYSTEM_ROLES.has(turn.role)) {
      if (!isHead) held.push({ turn, change: 'to-user' });
      else out.push({ turn, change: out.length === 0 ? 'none' : 'to-head' });
      continue;
    }
    isHead = false;
    if (!RESULT_ROLES.has(turn.role)) {
      out.push(...held);
      held = [];
    }
    out.push({ turn, change: 'none' });
  }
  return [...out, ...held];
}

/** Turns that become one. */
function groupsOf(order: readonly PlacedTurn[]): readonly (readonly PlacedTurn[])[] {
  const groups: PlacedTurn[][] = [];
  for (const next of order) {
    const group = groups.at(-1);
    const before = group?.at(-1);
    if (group && before && isOne(before, next)) group.push(next);
    else groups.push([next]);
  }
  return groups;
}

function isOne(before: PlacedTurn, next: PlacedTurn): boolean {
  if (!before.turn.content || !next.turn.content) return false;
  if (next.change === 'to-head') return true;
  const isUser = ({ turn, change }: PlacedTurn): boolean =>
    change === 'to-user' || turn.role === 'user';
  const isChanged = before.change === 'to-user' || next.change === 'to-user';
  return isChanged && isUser(before) && isUser(next);
}

function toTurn(bytes: Bytes, group: readonly PlacedTurn[]): readonly Bytes[] {
  const [head] = group;
  if (!head) return [];
  const { range, roleRange, content } = head.turn;
  const at = range[0];
  const edits: ByteEdit[] = [];
  const replace = ([start, end]: readonly [number, number], parts: readonly Bytes[]): void => {
    edits.push({ range: [start - at, end - at], parts });
  };
  if (head.change === 'to-user' && roleRange) replace(roleRange, [USER]);
  if (group.length > 1 && content) replace(content.range, mergedContent(bytes, group));
  return [...editedParts(bytes.subarray(...range), edits)];
}

function mergedContent(bytes: Bytes, group: readonly PlacedTurn[]): readonly Bytes[] {
  const contents = group.flatMap(({ turn }) => turn.content ?? []);
  const inside = ({ range: [start, end] }: TurnContent): Bytes =>
    bytes.subarray(start + 1, end - 1);
  if (contents.every(({ kind }) => kind === 'text')) {
    const texts = contents.map(inside).filter((text) => text.length > 0);
    return [
      QUOTE,
      ...separated(
        texts.map((text) => [text]),
        BLANK_LINE,
      ),
      QUOTE,
    ];
  }
  const lists = contents.flatMap((content): readonly (readonly Bytes[])[] => {
    if (content.kind === 'text') return [[OPEN_TEXT, bytes.subarray(...content.range), CLOSE_TEXT]];
    const list = inside(content);
    return list.some((byte) => byte > 0x20) ? [[list]] : [];
  });
  return [OPEN_LIST, ...separated(lists, COMMA), CLOSE_LIST];
}

const separated = (lists: readonly (readonly Bytes[])[], separator: Bytes): readonly Bytes[] =>
  lists.flatMap((list, at) => (at === 0 ? list : [separator, ...list]));
