import type { NodeBody } from '../dialect.ts';
import type { ChatRequest } from './conversation.ts';
import { toChatBody } from './to-chat-body.ts';

/** A chat request as the body for `/v1/chat/completions` of a node. */
export function chatNodeBody(
  chat: ChatRequest,
  {
    stream,
    dropped,
  }: { readonly stream: boolean; readonly dropped?: readonly string[] | undefined },
): NodeBody {
  return {
    named: (model) => new TextEncoder().encode(JSON.stringify(toChatBody(chat, { model, stream }))),
    dropped,
  };
}
