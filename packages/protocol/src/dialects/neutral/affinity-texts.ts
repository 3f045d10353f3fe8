import { isJsonObject, type JsonObject } from '../../json/json-object.ts';
import type { Turn } from './conversation.ts';

/** Bytes of UTF-8 taken from each text (behaviour 40): enough to distinguish conversations. */
const MAX_TEXT_BYTES = 4096;

const encoder = new TextEncoder();

/** The beginning of these texts, one after another, as UTF-8. */
export function headOf(texts: Iterable<string>): Uint8Array {
  const head = new Uint8Array(MAX_TEXT_BYTES);
  let length = 0;
  for (const text of texts) {
    if (length === MAX_TEXT_BYTES) break;
    length += encoder.encodeInto(text, head.subarray(length)).written;
  }
  return head.subarray(0, length);
}

function* textsIn(turns: Iterable<Turn>): Generator<string, void> {
  for (const turn of turns) {
    if (turn.role === 'assistant') continue;
    for (const part of turn.parts) if (part.type === 'text') yield part.text;
  }
}

/** The system text before the first user turn, and that turn; undefined for a conversation that has neither. */
export function affinityTexts(turns: readonly Turn[]): readonly Uint8Array[] | undefined {
  const at = turns.findIndex(({ role }) => role === 'user');
  const before = at === -1 ? turns : turns.slice(0, at);
  const system = headOf(textsIn(before.filter(({ role }) => role === 'system')));
  if (at === -1 && system.length === 0) return undefined;
  return [system, headOf(textsIn(turns.slice(at, at + 1)))];
}

/** The fields of a body that name a session or a user, the most exact first. */
export const sessionNames = ({
  metadata,
  prompt_cache_key: key,
  user,
}: JsonObject): readonly unknown[] => [
  isJsonObject(metadata) ? metadata['user_id'] : undefined,
  key,
  user,
];
