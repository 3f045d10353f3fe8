import type { Part, Turn } from '../neutral/conversation.ts';
import { markFailed } from '../neutral/mark-failed.ts';
import { resultTexts } from '../neutral/result-turns.ts';
import type { Block } from './body-shape.ts';
import { readContent, textOf } from './read-parts.ts';
import { toNodeCallId } from './tool-ids.ts';

interface ToolResult {
  readonly turn: Extract<Turn, { role: 'tool' }>;
  /** As the client sent it. */
  readonly clientId: string;
  /** Images of the result. Results are text on the wire of nodes, so they follow in a user turn. */
  readonly images: readonly Part[];
}

/** @throws CortexError `invalid_request` with the path of the wrong field */
export function readToolResult(block: Block, at: string): ToolResult {
  const clientId = textOf(block, 'tool_use_id', at);
  const parts = readContent(block['content'], `${at}.content`);
  const images = parts.filter((part) => part.type === 'image');
  const shown = resultTexts(parts);
  return {
    clientId,
    images,
    turn: {
      role: 'tool',
      callId: toNodeCallId(clientId),
      parts: block['is_error'] === true ? markFailed(shown) : shown,
    },
  };
}
