/** Rewrites a conversation into the form that a template needs. Pure and deterministic. */
import { isJsonObject } from '@cortex/protocol';
import { createHash } from 'node:crypto';

import type { TemplateMessage } from './template-message.ts';

/**
 * The parts of a conversation that a template needs in another form than OpenAI's, because it would otherwise refuse or
 * drop them.
 *
 * Detected by rendering small conversations: a need exists if the usual form fails and the other form works.
 */
export interface TemplateNeeds {
  /** A system message becomes the start of the first user message. */
  readonly systemAsUser: boolean;
  /** Consecutive system messages are merged. */
  readonly systemJoined: boolean;
  /** A later system message becomes a user message. */
  readonly lateSystemAsUser: boolean;
  /** Consecutive user messages are merged, and so are consecutive assistant messages. */
  readonly rolesAlternate: boolean;
  /** A message with only calls has an empty text instead of none. */
  readonly emptyText: boolean;
  /** Call ids have nine characters. */
  readonly shortIds: boolean;
  /** The template prints arguments unchanged, so they are JSON text. */
  readonly argumentsAsText: boolean;
  /** One call per message: several calls become several messages, each with its result. */
  readonly singleCalls: boolean;
  /** Text with calls becomes a separate message. */
  readonly textApart: boolean;
  /** Tools have all members, including optional ones. */
  readonly wholeTools: boolean;
  /** The member for the reasoning of earlier turns. */
  readonly reasoningMember: string;
  /** The template prints the tools. */
  readonly showsTools: boolean;
}

export function adaptMessages(
  messages: readonly TemplateMessage[],
  needs: TemplateNeeds,
): readonly TemplateMessage[] {
  let out = messages;
  if (needs.systemJoined) out = joined(out, ['system']);
  if (needs.lateSystemAsUser) out = out.map((message, at) => (at > 0 ? asUser(message) : message));
  if (needs.systemAsUser) out = joined(out.map(asUser), ['user']);
  if (needs.rolesAlternate) out = joined(out, ['user', 'assistant']);
  if (needs.textApart) out = out.flatMap(withSeparateText);
  if (needs.singleCalls) out = withSingleCalls(out);
  return out.map((message) => adaptMessage(message, needs));
}

/** Tools with every member that a template may print. */
export function adaptTools(
  tools: readonly unknown[],
  { wholeTools }: TemplateNeeds,
): readonly unknown[] {
  if (!wholeTools) return tools;
  return tools.map((tool) =>
    isJsonObject(tool) && isJsonObject(tool['function'])
      ? { ...tool, function: { ...EMPTY_TOOL, ...tool['function'] } }
      : tool,
  );
}

const EMPTY_TOOL = { description: '', parameters: { type: 'object', properties: {} } };

const asUser = (message: TemplateMessage): TemplateMessage =>
  message['role'] === 'system' ? { ...message, role: 'user' } : message;

/** Merges consecutive texts of each of `roles` into one message. */
function joined(
  messages: readonly TemplateMessage[],
  roles: readonly string[],
): readonly TemplateMessage[] {
  const out: TemplateMessage[] = [];
  for (const message of messages) {
    const before = out.at(-1);
    if (before !== undefined && isJoinable(before, message, roles)) {
      out[out.length - 1] = {
        ...before,
        content: `${String(before['content'])}\n\n${String(message['content'])}`,
      };
    } else out.push(message);
  }
  return out;
}

const isJoinable = (a: TemplateMessage, b: TemplateMessage, roles: readonly string[]): boolean =>
  a['role'] === b['role'] &&
  roles.includes(String(a['role'])) &&
  [a, b].every((one) => typeof one['content'] === 'string' && one['tool_calls'] === undefined);

function withSeparateText(message: TemplateMessage): readonly TemplateMessage[] {
  const { tool_calls: calls, content, ...rest } = message;
  if (calls === undefined || typeof content !== 'string' || content === '') return [message];
  return [
    { role: message['role'], content },
    { ...rest, content: null, tool_calls: calls },
  ];
}

/** Puts each call into a separate message, followed by its result. Everything else of the turn stays with the first. */
function withSingleCalls(messages: readonly TemplateMessage[]): readonly TemplateMessage[] {
  const out: TemplateMessage[] = [];
  let results: readonly TemplateMessage[] = [];
  for (const [at, message] of messages.entries()) {
    if (results.includes(message)) continue;
    const calls = message['tool_calls'];
    if (!Array.isArray(calls) || calls.length < 2) {
      out.push(message);
      continue;
    }
    results = toolResultsAfter(messages.slice(at + 1));
    for (const [i, call] of calls.entries()) {
      const id = isJsonObject(call) ? call['id'] : undefined;
      out.push(
        i === 0
          ? { ...message, tool_calls: [call] }
          : { role: 'assistant', content: null, tool_calls: [call] },
      );
      out.push(...results.filter((result) => result['tool_call_id'] === id));
    }
    const ids = calls.map((call: unknown) => (isJsonObject(call) ? call['id'] : undefined));
    out.push(...results.filter((result) => !ids.includes(result['tool_call_id'])));
  }
  return out;
}

function toolResultsAfter(messages: readonly TemplateMessage[]): readonly TemplateMessage[] {
  const end = messages.findIndex((message) => message['role'] !== 'tool');
  return end < 0 ? messages : messages.slice(0, end);
}

function adaptMessage(message: TemplateMessage, needs: TemplateNeeds): TemplateMessage {
  const { reasoning_content: reasoning, tool_calls: calls, ...rest } = message;
  const id = message['tool_call_id'];
  // A template that reads reasoning from a separate member may accept it with calls only if there is no text.
  const isBoth =
    needs.reasoningMember !== 'reasoning_content' &&
    calls !== undefined &&
    Boolean(message['content']);
  return {
    ...rest,
    ...(needs.emptyText && message['content'] === null && { content: '' }),
    ...(needs.shortIds && typeof id === 'string' && { tool_call_id: shortId(id) }),
    ...(reasoning !== undefined && !isBoth && { [needs.reasoningMember]: reasoning }),
    ...(Array.isArray(calls) && { tool_calls: calls.map((call) => adaptCall(call, needs)) }),
  };
}

function adaptCall(call: unknown, needs: TemplateNeeds): unknown {
  if (!isJsonObject(call) || !isJsonObject(call['function'])) return call;
  const { function: fn, id } = call;
  const text = JSON.stringify(fn['arguments']);
  return {
    ...call,
    ...(needs.shortIds && typeof id === 'string' && { id: shortId(id) }),
    ...(needs.argumentsAsText &&
      typeof fn['arguments'] !== 'string' && { function: { ...fn, arguments: text } }),
  };
}

const ID_CHARS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** An id of nine letters and digits; an id that already has this form is unchanged. */
function shortId(id: string): string {
  if (/^[a-zA-Z0-9]{9}$/.test(id)) return id;
  const hash = createHash('sha256').update(id).digest();
  return Array.from(hash.subarray(0, 9), (byte) => ID_CHARS[byte % ID_CHARS.length]).join('');
}
