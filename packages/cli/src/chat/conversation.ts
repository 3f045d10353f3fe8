import { type CompletionUsage } from '@cortex/protocol';

import { type ChatDelta, type GatewayClient } from '../client/gateway-client.ts';

interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** How one turn ended. */
export interface Answer {
  readonly text: string;
  readonly reasoning: string;
  /** `stop`, `length`, …; `cancelled` if the user stopped it. */
  readonly finish: string;
  readonly usage?: CompletionUsage | undefined;
}

/**
 * A conversation with one model at a time.
 *
 * A failed turn is not kept, so that the next question does not repeat it. A turn that the user stopped is kept
 * with the text received so far.
 */
export class Conversation {
  model: string;
  system: string | undefined;
  isThinking: boolean;
  readonly #client: GatewayClient;
  #turns: Message[] = [];

  constructor(
    client: GatewayClient,
    options: { model: string; system?: string | undefined; isThinking?: boolean },
  ) {
    this.#client = client;
    this.model = options.model;
    this.system = options.system;
    this.isThinking = options.isThinking ?? false;
  }

  get turns(): number {
    return this.#turns.length / 2;
  }

  clear(): void {
    this.#turns = [];
  }

  /** Sends the question, passes on the answer as it arrives, and returns it whole. */
  async ask(
    question: string,
    onDelta: (delta: ChatDelta) => void,
    signal: AbortSignal,
  ): Promise<Answer> {
    const user: Message = { role: 'user', content: question };
    let text = '';
    let reasoning = '';
    let finish = 'stop';
    let usage: CompletionUsage | undefined;
    try {
      for await (const delta of this.#client.chat(this.#body(user), signal)) {
        text += delta.text ?? '';
        reasoning += delta.reasoning ?? '';
        finish = delta.finish ?? finish;
        usage = delta.usage ?? usage;
        onDelta(delta);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      finish = 'cancelled';
    }
    if (text !== '') this.#turns.push(user, { role: 'assistant', content: text });
    return { text, reasoning, finish, usage };
  }

  #body(user: Message): Record<string, unknown> {
    const system: Message[] =
      this.system === undefined ? [] : [{ role: 'system', content: this.system }];
    return {
      model: this.model,
      messages: [...system, ...this.#turns, user],
      ...(this.isThinking && { chat_template_kwargs: { enable_thinking: true } }),
    };
  }
}
