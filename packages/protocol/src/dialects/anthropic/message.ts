/** The members of an Anthropic message that streamed and whole answers share. */
import type { CompletionUsage } from '../../openai.ts';
import type { AnswerFacts } from '../dialect.ts';
import type { BlockKind, Finish } from '../neutral/answer-event.ts';
import { toClientCallId } from './tool-ids.ts';

type Json = Readonly<Record<string, unknown>>;

const messageId = (requestId: string): string =>
  `msg_${requestId.replace(/^req_/, '').replaceAll(/[^a-zA-Z0-9_-]/g, '_')}`;

const STOP_REASONS = {
  stop: 'end_turn',
  length: 'max_tokens',
  context: 'model_context_window_exceeded',
  calls: 'tool_use',
  filter: 'refusal',
  refusal: 'refusal',
  stop_sequence: 'stop_sequence',
} as const satisfies Record<Finish['reason'], string>;

export const stopOf = (finish: Finish): Json => ({
  stop_reason: STOP_REASONS[finish.reason],
  stop_sequence: finish.reason === 'stop_sequence' ? finish.sequence : null,
});

/**
 * The counts at the end of a stream. Anthropic counts cached tokens apart from the input. Members of what no node has
 * are null: clients with fixed types refuse a message without them.
 *
 * @param usage - undefined: the node has not counted, or not yet
 */
export function countsOf(usage: CompletionUsage | undefined, facts: AnswerFacts): Json {
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  const thoughts = usage?.completion_tokens_details?.reasoning_tokens;
  return {
    input_tokens: Math.max(0, (usage?.prompt_tokens ?? facts.promptTokens ?? 0) - cached),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: cached,
    output_tokens: usage?.completion_tokens ?? 0,
    output_tokens_details: thoughts === undefined ? null : { thinking_tokens: thoughts },
    server_tool_use: null,
  };
}

/** The usage of a message: its counts, and how it was served. */
export const usageOf = (usage: CompletionUsage | undefined, facts: AnswerFacts): Json => ({
  ...countsOf(usage, facts),
  cache_creation: { ephemeral_1h_input_tokens: 0, ephemeral_5m_input_tokens: 0 },
  inference_geo: null,
  service_tier: null,
  speed: null,
});

/** A message without content, as a stream begins. */
export const emptyMessage = (facts: AnswerFacts): Json => ({
  id: messageId(facts.requestId),
  type: 'message',
  role: 'assistant',
  model: facts.model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
  usage: usageOf(undefined, facts),
});

/** A block without content. */
export function emptyBlock(block: BlockKind): Json {
  switch (block.type) {
    case 'reasoning':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'text':
    case 'refusal':
      return { type: 'text', text: '' };
    case 'call':
      return { type: 'tool_use', id: toClientCallId(block.id), name: block.name, input: {} };
  }
}

/**
 * The signature of a block of thoughts. Clients require one and send it back; it proves nothing here, and histories are
 * read without it.
 */
export const signatureOf = ({ requestId }: AnswerFacts, index: number): string =>
  `cortex_${messageId(requestId)}_${index}`;
