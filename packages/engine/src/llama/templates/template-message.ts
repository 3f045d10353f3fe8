import { CortexError } from '@cortex/protocol';

import { isDeeperThan, MAX_LEVELS } from '../../protocol/index.ts';
import type { ChatMessage } from '../request/chat-body.ts';
import { parseWithMarks, withMarks } from './marked-text.ts';

/** A message in the input of a template. */
export type TemplateMessage = Readonly<Record<string, unknown>>;

/**
 * Converts messages to the form that templates expect: text content, arguments as objects (numbers marked), current
 * roles.
 *
 * @throws CortexError `vision_unsupported`, `unsupported_parameter` for content that is not text.
 */
export function toTemplateMessages(messages: readonly ChatMessage[]): TemplateMessage[] {
  const names = new Map<string, string>();
  return messages.map((message, at) => {
    for (const call of message.tool_calls ?? [])
      if (call.id !== undefined) names.set(call.id, call.function.name);
    const name = message.name ?? names.get(message.tool_call_id ?? '');
    // Some templates print the name of the called function, which current clients omit.
    const isNamed = message.role === 'tool' && name !== undefined;
    return { ...toTemplateMessage(message, at), ...(isNamed && { name }) };
  });
}

function toTemplateMessage(message: ChatMessage, at: number): TemplateMessage {
  const { role, content, tool_calls, function_call: legacy, images = [], ...others } = message;
  const { refusal, audio, ...rest } = others;
  // Ollama's clients send images in a member of their own.
  if (images.length > 0) throw noVision(`messages[${at}].images`);
  if (audio !== undefined) throw noAudio(`messages[${at}].audio`);
  // Clients send an empty list, and an empty text with calls, for none; templates test for presence.
  const listed = tool_calls?.length === 0 ? undefined : tool_calls;
  const calls = listed ?? (legacy && [{ type: 'function', function: legacy }]);
  // An answer that refuses has its text in a member of its own.
  const text = toText(content, at) || (refusal ?? null);
  return {
    ...rest,
    role: role === 'developer' ? 'system' : role === 'function' ? 'tool' : role,
    content: calls === undefined ? (text ?? '') : text || null,
    ...(calls !== undefined && {
      tool_calls: calls.map((call) => ({
        type: 'function',
        ...call,
        function: { ...call.function, arguments: toArguments(call.function.arguments) },
      })),
    }),
  };
}

/** @throws CortexError `vision_unsupported`, `unsupported_parameter` for parts that are not text. */
function toText(content: ChatMessage['content'], at: number): string | null {
  if (content === null || typeof content === 'string') return content;
  const texts = content.map((part, i) => {
    const text = part.type === 'refusal' ? part['refusal'] : part.text;
    if (typeof text === 'string') return text;
    const param = `messages[${at}].content[${i}]`;
    if (part.type.includes('image')) throw noVision(param);
    throw new CortexError(
      'unsupported_parameter',
      `Content of type "${part.type}" is not supported by this model.`,
      { param },
    );
  });
  return texts.join('\n');
}

const noAudio = (param: string): CortexError =>
  new CortexError(
    'unsupported_parameter',
    `"${param}" names an answer as sound, which is not kept here. Send the text of the answer.`,
    { param },
  );

const noVision = (param: string): CortexError =>
  new CortexError(
    'vision_unsupported',
    'This model cannot read images. Remove the image, or choose a model with vision.',
    { param },
  );

/** Templates print arguments with `tojson`, so text is parsed first; invalid JSON stays text. */
function toArguments(given: string | Readonly<Record<string, unknown>>): unknown {
  if (typeof given !== 'string') return withMarks(given);
  if (given.trim() === '') return {};
  try {
    const value = parseWithMarks(given);
    return isDeeperThan(MAX_LEVELS, value) ? given : value;
  } catch {
    return given;
  }
}
