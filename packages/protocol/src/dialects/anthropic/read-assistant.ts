import type { ToolCall, Turn } from '../neutral/conversation.ts';
import { isExactObject } from '../neutral/exact-json.ts';
import type { Block } from './body-shape.ts';
import { summaryOf, textOf } from './read-parts.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { toNodeCallId } from './tool-ids.ts';

export type AssistantTurn = Extract<Turn, { role: 'assistant' }>;

/** Blocks that only a user sends. As content of an assistant they would be lost. */
const OF_USERS = new Set(['image', 'document', 'search_result', 'tool_result']);

/** @throws CortexError `invalid_request` if it is not an object */
function argumentsOf(input: unknown, at: string): string {
  if (isExactObject(input)) return JSON.stringify(input);
  // What clients make of a call without arguments.
  if (input === undefined || input === null || input === '') return '{}';
  throw refuseField(`${at}.input`, 'must be an object');
}

const joined = (texts: readonly string[]): string | undefined => {
  const some = texts.filter((text) => text !== '');
  return some.length === 0 ? undefined : some.join('\n');
};

/**
 * The content of an assistant message as one turn. Its thoughts are kept, with any signature or none; those that
 * Anthropic has encrypted are unreadable and left out.
 *
 * @throws CortexError `invalid_request` with the path of the wrong block
 */
export function readAssistant(blocks: readonly Block[], at: string): AssistantTurn {
  const texts: string[] = [];
  const thoughts: string[] = [];
  const calls: ToolCall[] = [];
  const ids = new Set<string>();
  for (const [index, block] of blocks.entries()) {
    const path = `${at}[${index}]`;
    if (OF_USERS.has(block.type))
      throw refuseField(`${path}.type`, `is "${block.type}", which only user messages may have`);
    if (block.type === 'thinking') thoughts.push(textOf(block, 'thinking', path));
    else if (block.type === 'tool_use') {
      const id = toNodeCallId(textOf(block, 'id', path));
      if (ids.has(id))
        throw refuseField(`${path}.id`, 'is the id of another tool_use: ids must be unique');
      ids.add(id);
      const name = textOf(block, 'name', path);
      calls.push({ id, name, arguments: argumentsOf(block['input'], path) });
    } else if (block.type === 'text') texts.push(textOf(block, 'text', path));
    else if (block.type === 'compaction') texts.push(summaryOf(block));
  }
  const text = joined(texts);
  return {
    role: 'assistant',
    text: text ?? (calls.length > 0 ? null : ''),
    reasoning: joined(thoughts),
    calls,
  };
}

/** Assistant messages in a row whose calls are answered together. */
export const joinAssistants = (turns: readonly AssistantTurn[]): AssistantTurn => ({
  role: 'assistant',
  text: joined(turns.map(({ text }) => text ?? '')) ?? null,
  reasoning: joined(turns.map(({ reasoning }) => reasoning ?? '')),
  calls: turns.flatMap(({ calls }) => calls),
});
