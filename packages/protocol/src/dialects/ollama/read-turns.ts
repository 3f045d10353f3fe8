import { z } from 'zod';

import type { Part, ToolCall, Turn } from '../neutral/conversation.ts';
import { ExactObject } from '../neutral/exact-json.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { resultTurns } from '../neutral/result-turns.ts';
import { toArgumentText } from './call-arguments.ts';
import { readImage } from './images.ts';
import { TurnCalls } from './turn-calls.ts';

const text = z.string().nullish();

const Call = z.looseObject({
  id: text,
  function: z.looseObject({
    name: z.string(),
    arguments: z.union([ExactObject, z.string()], 'must be an object').nullish(),
  }),
});

export const Message = z.looseObject({
  role: z.string(),
  content: text,
  thinking: text,
  images: z.array(z.string()).nullish(),
  tool_calls: z.array(Call).nullish(),
  tool_name: text,
  /** Older clients have it in place of `tool_name`. */
  name: text,
  tool_call_id: text,
});
type Message = z.infer<typeof Message>;

const ROLES: ReadonlyMap<string, Turn['role']> = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
  ['tool', 'tool'],
]);

/** Images stand before the text, as the templates of Ollama have it. */
const partsOf = ({ content, images }: Message, param: string): Part[] => [
  ...(images ?? []).map((image, at) => readImage(image, `${param}.images[${at}]`)),
  ...(content || !images?.length ? [{ type: 'text', text: content ?? '' } satisfies Part] : []),
];

/**
 * Gives calls the ids that most clients of this API do not send, and finds the calls that results belong to. The ids
 * depend only on the messages before, so that a conversation that goes on is the same up to there.
 */
class CallIds {
  readonly #used = new Set<string>();
  /** Below it, no number is free. */
  #next = 0;
  #last = new TurnCalls();

  begin(): void {
    this.#last = new TurnCalls();
  }

  add({ id, function: called }: z.infer<typeof Call>): ToolCall {
    const call = {
      id: id && !this.#used.has(id) ? id : this.#newId(),
      name: called.name,
      arguments: toArgumentText(called.arguments),
    };
    this.#used.add(call.id);
    this.#last.add(call);
    return call;
  }

  /** A result without a call, whose turn the client has cut off, gets an id of its own. */
  take({ tool_call_id: id, tool_name: toolName, name }: Message): string {
    const call = this.#last.take(id ?? '', toolName ?? name ?? '');
    return call?.id ?? (id || this.#newId());
  }

  #newId(): string {
    this.#next = Math.max(this.#next, this.#used.size);
    while (this.#used.has(`call_${this.#next}`)) this.#next += 1;
    const id = `call_${this.#next}`;
    this.#next += 1;
    this.#used.add(id);
    return id;
  }
}

/**
 * The turns of a conversation. Images of results follow all results of a turn: results are text on the wire of nodes.
 *
 * @throws CortexError `invalid_request` for an unknown role or a wrong image
 */
export function readTurns(messages: readonly Message[]): readonly Turn[] {
  const ids = new CallIds();
  const turns: Turn[] = [];
  let results: Extract<Turn, { role: 'tool' }>[] = [];
  for (const [at, message] of messages.entries()) {
    const turn = readTurn(message, ids, `messages[${at}]`);
    if (turn.role === 'tool') {
      results.push(turn);
      continue;
    }
    turns.push(...resultTurns(results), turn);
    results = [];
  }
  return [...turns, ...resultTurns(results)];
}

function readTurn(message: Message, ids: CallIds, param: string): Turn {
  const role = ROLES.get(message.role);
  if (role === undefined)
    throw refuseField(`${param}.role`, 'must be "system", "user", "assistant" or "tool"');
  switch (role) {
    case 'system':
    case 'user':
      return { role, parts: partsOf(message, param) };
    case 'tool':
      return { role, callId: ids.take(message), parts: partsOf(message, param) };
    case 'assistant': {
      ids.begin();
      const calls = (message.tool_calls ?? []).map((call) => ids.add(call));
      // Images that a model made are not sent back to one: no API for nodes has them in this turn.
      const { content, thinking } = message;
      return {
        role,
        text: content || (calls.length > 0 ? null : ''),
        reasoning: thinking || undefined,
        calls,
      };
    }
  }
}
