/** An external server whose model follows a script: tests of agent programs decide what it answers to each request. */
import { type ChatCompletion, isJsonObject } from '@cortex/protocol';

import { promptOf, wordsOf } from './fake-answers.ts';

type Body = Readonly<Record<string, unknown>>;

/** A text, or the call of a tool. */
export type ScriptedTurn =
  | { readonly text: string }
  | { readonly call: { readonly name: string; readonly arguments: Body } };

export interface ScriptedServerOptions {
  readonly model: string;
  readonly contextTokens: number;
  /** What the model answers. Agents ask in parallel, so it depends on the request alone. */
  readonly answer: (body: Body) => ScriptedTurn;
}

/** The server of a neuron's `[[harnesses]]` of kind `openai`. */
export class ScriptedServer implements Disposable {
  /** Bodies of the chat requests, in order of arrival. */
  readonly bodies: Body[] = [];
  readonly #options: ScriptedServerOptions;
  readonly #server: Bun.Server<undefined>;
  #calls = 0;

  constructor(options: ScriptedServerOptions) {
    this.#options = options;
    this.#server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      idleTimeout: 0,
      fetch: (request) => this.#answer(request),
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const { model, contextTokens } = this.#options;
    switch (new URL(request.url).pathname) {
      case '/health':
        return Response.json({ status: 'ok' });
      case '/v1/models':
        return Response.json({
          object: 'list',
          data: [{ id: model, object: 'model', meta: { n_ctx: contextTokens } }],
        });
      case '/props':
        return Response.json({
          total_slots: 4,
          default_generation_settings: { n_ctx: contextTokens },
        });
      case '/v1/chat/completions':
        return this.#chat(await request.json());
      default:
        return Response.json({ error: { message: 'no such route' } }, { status: 404 });
    }
  }

  #chat(body: unknown): Response {
    if (!isJsonObject(body)) {
      return Response.json({ error: { message: 'not an object' } }, { status: 400 });
    }
    this.bodies.push(body);
    const prompted = wordsOf(promptOf(body)).length;
    const usage = {
      prompt_tokens: prompted,
      completion_tokens: 8,
      total_tokens: prompted + 8,
    };
    const turn = this.#options.answer(body);
    const stem = { id: 'chatcmpl-scripted', created: 1, model: this.#options.model };
    const isCall = 'call' in turn;
    const finish_reason = isCall ? ('tool_calls' as const) : ('stop' as const);
    const message = isCall
      ? { content: null, tool_calls: [this.#call(turn.call)] }
      : { content: turn.text };
    if (body['stream'] !== true) {
      const choice = {
        index: 0,
        finish_reason,
        message: { role: 'assistant' as const, ...message },
      };
      const whole: ChatCompletion = {
        ...stem,
        object: 'chat.completion',
        choices: [choice],
        usage,
      };
      return Response.json(whole);
    }
    const calls = message.tool_calls?.map((call, index) => ({ index, ...call }));
    const deltas = [
      { role: 'assistant', content: '' },
      isCall ? { tool_calls: calls } : { content: turn.text },
    ];
    const chunks = [
      ...deltas.map((delta) => ({ choices: [{ index: 0, delta, finish_reason: null }] })),
      { choices: [{ index: 0, delta: {}, finish_reason }] },
      { choices: [], usage },
    ];
    const events = chunks.map(
      (chunk) =>
        `data: ${JSON.stringify({ ...stem, object: 'chat.completion.chunk', ...chunk })}\n\n`,
    );
    return new Response(`${events.join('')}data: [DONE]\n\n`, {
      headers: { 'content-type': 'text/event-stream' },
    });
  }

  #call({ name, arguments: given }: { readonly name: string; readonly arguments: Body }) {
    this.#calls += 1;
    return {
      id: `call_${this.#calls}`,
      type: 'function' as const,
      function: { name, arguments: JSON.stringify(given) },
    };
  }
}
