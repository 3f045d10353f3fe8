import { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import { readShape } from '../../read-shape.ts';
import type { ChatRequest, Turn } from '../neutral/conversation.ts';
import { type Format, MessagesBody } from './body-shape.ts';
import { readTools } from './read-tools.ts';
import { readSystem, TurnReader } from './read-turns.ts';
import { refuseField } from '../neutral/refuse-field.ts';

/** A request to `/v1/messages` or `/v1/messages/count_tokens`. */
export interface MessagesRequest {
  readonly stream: boolean;
  readonly chat: ChatRequest;
  /** Names of tools, or servers of tools, that are left out, because they run on Anthropic's servers. */
  readonly dropped: readonly string[];
}

/** Efforts that nodes know. A newer one is left to the model. */
const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

function readThinking({
  thinking,
  output_config: config,
}: MessagesBody): Pick<ChatRequest, 'thinks' | 'effort' | 'thinkingBudget'> {
  const effort = EFFORTS.find((known) => known === config?.effort);
  switch (thinking?.type) {
    case 'disabled':
      return { thinks: false };
    case 'enabled':
    case 'adaptive':
      return { thinks: true, effort, thinkingBudget: thinking.budget_tokens };
    case undefined:
    default:
      return { effort };
  }
}

/** @throws CortexError `invalid_request` if it has no schema */
function schemaOf(format: Format | undefined, at: string): JsonObject | undefined {
  if (format?.type !== 'json_schema') return undefined;
  if (format.schema === undefined) throw refuseField(`${at}.schema`, 'is missing');
  return format.schema;
}

const userOf = ({ metadata }: MessagesBody): string | undefined =>
  typeof metadata?.user_id === 'string' && metadata.user_id !== '' ? metadata.user_id : undefined;

/** A last turn of the assistant is the beginning of the answer; one without text begins nothing. */
function withPrefill(turns: readonly Turn[]): Pick<ChatRequest, 'turns' | 'continuesLast'> {
  const last = turns.at(-1);
  if (last?.role !== 'assistant') return { turns };
  if (last.text === '') return { turns: turns.slice(0, -1) };
  return { turns, continuesLast: true };
}

function readTurns({ system, messages }: MessagesBody): readonly Turn[] {
  const parts = readSystem(system, 'system');
  const reader = new TurnReader();
  for (const [index, message] of messages.entries()) reader.add(message, index);
  const turns = reader.end();
  return parts.length === 0 ? turns : [{ role: 'system', parts }, ...turns];
}

/**
 * cortex keeps no conversations. By these details the official SDKs know that they must send the whole conversation.
 *
 * @throws CortexError `unsupported_parameter` naming `thread`
 */
function refuseThread({ thread }: MessagesBody): void {
  if (thread === undefined || thread === null) return;
  const details = { error_code: 'thread_unsupported_request', unsupported: ['thread'] };
  throw new CortexError(
    'unsupported_parameter',
    '"thread" is not supported: cortex keeps no conversations. Send the whole conversation in "messages".',
    { param: 'thread', extra: { details } },
  );
}

/**
 * Reads the body of a request, parsed by `parseExactly`. Unknown fields are tolerated.
 *
 * @throws CortexError `invalid_request` naming the wrong field
 */
export function readMessagesRequest(body: unknown): MessagesRequest {
  const read = readShape(MessagesBody, body);
  refuseThread(read);
  const { tools, choice, isParallel, dropped } = readTools(read);
  return {
    stream: read.stream ?? false,
    dropped,
    chat: {
      ...withPrefill(readTurns(read)),
      tools,
      toolChoice: choice,
      parallelToolCalls: isParallel,
      // 0 only fills Anthropic's prompt cache. A node does the same with the shortest answer.
      maxTokens: read.max_tokens === 0 ? 1 : read.max_tokens,
      temperature: read.temperature,
      topP: read.top_p,
      topK: read.top_k,
      stop: (read.stop_sequences ?? []).filter((stop) => stop !== ''),
      ...readThinking(read),
      answerSchema:
        schemaOf(read.output_config?.format, 'output_config.format') ??
        schemaOf(read.output_format, 'output_format'),
      user: userOf(read),
    },
  };
}
