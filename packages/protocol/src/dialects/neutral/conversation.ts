/** A chat request as all APIs mean it. Each dialect reads its own form into it; `toChatBody` writes it for a node. */

export interface TextPart {
  readonly type: 'text';
  readonly text: string;
}

export interface ImagePart {
  readonly type: 'image';
  /** A `data:` URI, or an address. */
  readonly url: string;
}

export type Part = TextPart | ImagePart;

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  /** JSON text of an object, as the model wrote it: another spelling would change the prompt of the next turn. */
  readonly arguments: string;
}

export type Turn =
  | { readonly role: 'system' | 'user'; readonly parts: readonly Part[] }
  | {
      readonly role: 'assistant';
      /** Null: it has only called tools. */
      readonly text: string | null;
      readonly reasoning?: string | undefined;
      readonly calls: readonly ToolCall[];
    }
  /** The result of a call, directly after the turn that called. */
  | { readonly role: 'tool'; readonly callId: string; readonly parts: readonly Part[] };

export interface Tool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON schema of an object. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly strict?: boolean | undefined;
}

export type ToolChoice = 'auto' | 'required' | 'none' | { readonly name: string };

/** Undefined members are left to the model or the node. */
export interface ChatRequest {
  readonly turns: readonly Turn[];
  /** In the order of the request: another order would change the prompt. */
  readonly tools: readonly Tool[];
  readonly toolChoice?: ToolChoice | undefined;
  readonly parallelToolCalls?: boolean | undefined;
  /** Tokens of the answer, thoughts included. */
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly stop: readonly string[];
  /** Whether the model thinks; undefined: as it does by default. */
  readonly thinks?: boolean | undefined;
  readonly effort?: string | undefined;
  /** Tokens of its thoughts. */
  readonly thinkingBudget?: number | undefined;
  /** JSON schema that the answer follows. */
  readonly answerSchema?: Readonly<Record<string, unknown>> | undefined;
  /** The last turn is the beginning of the answer. */
  readonly continuesLast?: boolean | undefined;
  /** Identifies the caller's end user or session, for affinity. */
  readonly user?: string | undefined;
}
