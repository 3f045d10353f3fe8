import type { JsonObject } from '../../json/json-object.ts';
import type { Turn } from '../neutral/conversation.ts';
import { markFailed } from '../neutral/mark-failed.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { objectAt, optionalText, textAt } from './read-fields.ts';
import { joinText, readParts, readResult } from './read-parts.ts';
import { readThoughts } from './thoughts.ts';
import type { ToolNames } from './tool-names.ts';
import { Transcript } from './transcript.ts';

/** What an item is added to, and the path of the item for errors. */
interface Place {
  readonly transcript: Transcript;
  readonly names: ToolNames;
  readonly param: string;
}

type ItemReader = (item: JsonObject, place: Place) => void;

const ROLES: ReadonlyMap<unknown, 'system' | 'user' | 'assistant'> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
]);

function readMessage(item: JsonObject, { transcript, param }: Place): void {
  const role = ROLES.get(item['role']);
  if (role === undefined) {
    throw refuseField(`${param}.role`, 'must be "user", "assistant", "system" or "developer"');
  }
  const parts = readParts(item['content'], `${param}.content`);
  if (role === 'assistant') transcript.addText(joinText(parts));
  else transcript.addMessage(role, parts);
}

function readReasoning(item: JsonObject, { transcript, param }: Place): void {
  const text = readThoughts(item, param);
  if (text !== '') transcript.addReasoning(text);
}

const argumentsText = (value: unknown): string =>
  typeof value === 'string' ? value || '{}' : JSON.stringify(value ?? {});

function readCall(item: JsonObject, { transcript, names, param }: Place): void {
  const name = textAt(item['name'], `${param}.name`);
  transcript.addCall({
    id: textAt(item['call_id'], `${param}.call_id`),
    name: names.nodeName({ namespace: optionalText(item['namespace']), name }),
    arguments:
      item['type'] === 'custom_tool_call'
        ? JSON.stringify({ input: item['input'] ?? '' })
        : argumentsText(item['arguments']),
  });
}

/** Calls of tools that are kinds of their own in this API, with the member that has their arguments. */
const OWN_KINDS = {
  local_shell_call: { name: 'local_shell', member: 'action' },
  shell_call: { name: 'shell', member: 'action' },
  apply_patch_call: { name: 'apply_patch', member: 'operation' },
} as const;

/** `local_shell` items have the id of the call in `id` alone, at least in their outputs. */
const callIdOf = (item: JsonObject, param: string): string =>
  textAt(optionalText(item['call_id']) ?? item['id'], `${param}.call_id`);

const readOwnKind =
  (kind: keyof typeof OWN_KINDS): ItemReader =>
  (item, { transcript, names, param }) => {
    const { name, member } = OWN_KINDS[kind];
    transcript.addCall({
      id: callIdOf(item, param),
      name: names.nodeName({ name }),
      arguments: JSON.stringify(objectAt(item[member], `${param}.${member}`)),
    });
  };

/** Other outputs say themselves that a call has failed. */
const hasFailed = ({ type, status }: JsonObject): boolean =>
  type === 'apply_patch_call_output' && status === 'failed';

function readOutput(item: JsonObject, { transcript, param }: Place): void {
  const callId = callIdOf(item, param);
  const parts = readResult(item['output'], `${param}.output`);
  if (transcript.addResult(callId, hasFailed(item) ? markFailed(parts) : parts)) return;
  throw refuseField(
    `${param}.call_id`,
    `is "${callId}", but the input has no call with this id before it that has no output yet`,
  );
}

const READERS: ReadonlyMap<string, ItemReader> = new Map<string, ItemReader>([
  ['message', readMessage],
  ['reasoning', readReasoning],
  ['function_call', readCall],
  ['custom_tool_call', readCall],
  ['local_shell_call', readOwnKind('local_shell_call')],
  ['shell_call', readOwnKind('shell_call')],
  ['apply_patch_call', readOwnKind('apply_patch_call')],
  ['function_call_output', readOutput],
  ['custom_tool_call_output', readOutput],
  ['local_shell_call_output', readOutput],
  ['shell_call_output', readOutput],
  ['apply_patch_call_output', readOutput],
]);

function readItem(value: unknown, place: Place): void {
  const item = objectAt(value, place.param);
  const type = optionalText(item['type']) ?? (item['role'] === undefined ? undefined : 'message');
  // Items of other kinds are skipped; the table of fields names or refuses those that are known.
  READERS.get(textAt(type, `${place.param}.type`))?.(item, place);
}

/**
 * The conversation of a request: its instructions, then its input, a string, items or nothing.
 *
 * @throws CortexError `invalid_request` with `param`
 */
export function readTurns(
  { instructions, input }: { readonly instructions: string; readonly input: unknown },
  names: ToolNames,
): readonly Turn[] {
  const transcript = new Transcript();
  if (instructions !== '') transcript.addMessage('system', readParts(instructions, 'instructions'));
  if (typeof input === 'string') transcript.addMessage('user', readParts(input, 'input'));
  else if (Array.isArray(input)) {
    for (const [index, item] of input.entries())
      readItem(item, { transcript, names, param: `input[${index}]` });
  } else if (input !== undefined && input !== null) {
    throw refuseField('input', 'must be a string or a list of items');
  }
  return transcript.toTurns();
}
