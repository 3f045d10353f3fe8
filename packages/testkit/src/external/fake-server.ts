/**
 * An HTTP server with the API of llama-server, and the routes by which vLLM, mistral.rs and servers for images and
 * sound differ from it. Written from their documentation; it generates words, not language.
 */
import { isJsonObject } from '@cortex/protocol';

import { answerOf, imagesOf, promptOf, sha256, wordsOf } from './fake-answers.ts';

export interface FakeServerOptions {
  /** 0: any. */
  readonly port: number;
  /** Names in `/v1/models`. */
  readonly models: readonly string[];
  readonly contextTokens: number;
  readonly slots: number;
  readonly hasVision: boolean;
  /** Required as bearer token; absent: none. */
  readonly apiKey?: string | undefined;
  /** `/health` answers 503 for so long. */
  readonly loadMs?: number | undefined;
  /** Streams end without usage, whatever the request asks for. */
  readonly isMute?: boolean | undefined;
  /** `stream_options` is refused as an unknown field. */
  readonly isStrict?: boolean | undefined;
  /** Whether a body to generate from is refused with status 400; absent: none is. */
  readonly refuses?: ((body: Body) => boolean) | undefined;
  /** Between two words of a stream. Default 1. */
  readonly wordMs?: number | undefined;
  /** What a request to end or to hang does; absent: no such routes. */
  readonly onFault?: ((fault: 'exit' | 'hang') => void) | undefined;
  /** It was not started for sleep: it has no such routes. */
  readonly cannotSleep?: boolean | undefined;
  /** Called when it was put to sleep or woken, as vLLM. */
  readonly onSleep?: ((isAsleep: boolean) => void) | undefined;
}

/** A request that the server has read. */
export interface SeenRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it came. */
  readonly bytes: Uint8Array;
}

type Body = Readonly<Record<string, unknown>>;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

const failure = (status: number, type: string, message: string): Response =>
  Response.json({ error: { code: status, message, type } }, { status });

const noRoute = (): Response => failure(404, 'not_found_error', 'File Not Found');

export class FakeServer implements Disposable {
  readonly seen: SeenRequest[] = [];
  /** Base URL; valid after the end of the server too. */
  readonly url: string;
  readonly #options: FakeServerOptions;
  readonly #server: Bun.Server<undefined>;
  readonly #startedMs = performance.now();
  readonly #unloaded = new Set<string>();
  #isAsleep = false;
  #running = 0;
  #mostRunning = 0;
  #aborted = 0;

  constructor(options: FakeServerOptions) {
    this.#options = options;
    this.#server = Bun.serve({
      port: options.port,
      hostname: '127.0.0.1',
      idleTimeout: 0,
      fetch: (request) => this.#answer(request),
    });
    this.url = `http://127.0.0.1:${this.#server.port}`;
  }

  /** Most generations that ran at the same time. */
  get mostRunning(): number {
    return this.#mostRunning;
  }

  /** Generations that run now, and those whose client left. */
  get work(): { readonly running: number; readonly aborted: number } {
    return { running: this.#running, aborted: this.#aborted };
  }

  /** The body of the last request for a path, as text. */
  lastBody(path: string): string {
    const seen = this.seen.findLast((request) => request.path === path);
    return new TextDecoder().decode(seen?.bytes);
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname: path, search } = new URL(request.url);
    const { apiKey, models, loadMs = 0, contextTokens, slots, hasVision } = this.#options;
    if (path === '/health') {
      const isLoading = performance.now() - this.#startedMs < loadMs;
      if (isLoading) return failure(503, 'unavailable_error', 'Loading model');
      return Response.json({ status: 'ok' });
    }
    if (apiKey !== undefined && request.headers.get('authorization') !== `Bearer ${apiKey}`) {
      return failure(401, 'authentication_error', 'Invalid API Key');
    }
    const bytes = await request.bytes();
    const headers = Object.fromEntries(request.headers.entries());
    this.seen.push({ path: path + search, headers, bytes });
    if (request.method === 'GET') {
      switch (path) {
        case '/v1/models':
          return Response.json({
            object: 'list',
            data: models.map((id) => ({ id, object: 'model', meta: { n_ctx: contextTokens } })),
          });
        case '/props':
          return Response.json({
            total_slots: slots,
            default_generation_settings: { n_ctx: contextTokens },
            modalities: { vision: hasVision, audio: false },
          });
        case '/is_sleeping':
          if (this.#options.cannotSleep === true) return noRoute();
          return Response.json({ is_sleeping: this.#isAsleep });
        case '/fake/work':
          return Response.json({ ...this.work, mostRunning: this.#mostRunning });
        case '/fake/last-body':
          return new Response(this.lastBody('/v1/chat/completions'));
        default:
          return noRoute();
      }
    }
    if (headers['content-type']?.startsWith('multipart/'))
      return this.#transcribe(path, headers, bytes);
    const body: unknown = bytes.length === 0 ? {} : JSON.parse(new TextDecoder().decode(bytes));
    return isJsonObject(body)
      ? this.#post(path, body, request.signal)
      : failure(400, 'invalid_request_error', 'not an object');
  }

  async #transcribe(path: string, headers: Readonly<Record<string, string>>, bytes: Uint8Array) {
    const copy = new Response(Uint8Array.from(bytes), { headers });
    const form = await copy.formData();
    const file = form.get('file');
    if (!path.startsWith('/v1/audio/') || !(file instanceof File)) {
      return failure(400, 'invalid_request_error', 'no file');
    }
    const heard = sha256(new Uint8Array(await file.arrayBuffer()));
    const model = form.get('model');
    return Response.json({ text: `heard ${heard} for ${textOf(model)}` });
  }

  async #post(path: string, body: Body, signal: AbortSignal): Promise<Response> {
    const { model_id: named, model } = body;
    const name = typeof named === 'string' ? named : '';
    switch (path) {
      case '/v1/chat/completions':
      case '/v1/completions':
        return this.#generate(path, body, signal);
      case '/tokenize':
        return Response.json({
          tokens: wordsOf(textOf(body['content']) || promptOf(body)).map((_, at) => at),
        });
      case '/detokenize':
        return Response.json({ content: JSON.stringify(body['tokens']) });
      case '/apply-template':
        return Response.json({ prompt: promptOf(body) });
      case '/sleep':
        if (this.#options.cannotSleep === true) return noRoute();
        this.#isAsleep = true;
        this.#options.onSleep?.(true);
        return new Response(null);
      case '/wake_up':
        this.#isAsleep = false;
        this.#options.onSleep?.(false);
        return new Response(null);
      case '/v1/models/unload':
        this.#unloaded.add(name);
        return Response.json({ model_id: name, status: 'unloaded' });
      case '/v1/models/reload':
        this.#unloaded.delete(name);
        return Response.json({ model_id: name, status: 'reloading' });
      case '/v1/models/status':
        return Response.json({
          model_id: name,
          status: this.#unloaded.has(name) ? 'unloaded' : 'loaded',
        });
      case '/v1/images/generations':
        return Response.json({ created: 1, data: [{ b64_json: sha256(textOf(body['prompt'])) }] });
      case '/v1/audio/speech':
        return new Response(`spoken by ${textOf(model)}: ${textOf(body['input'])}`, {
          headers: { 'content-type': 'audio/mpeg' },
        });
      case '/fake/exit':
        this.#options.onFault?.('exit');
        return new Response(null);
      case '/fake/hang':
        this.#options.onFault?.('hang');
        return new Response(null);
      default:
        return failure(501, 'not_supported_error', 'This server does not support this.');
    }
  }

  async #generate(path: string, body: Body, signal: AbortSignal): Promise<Response> {
    const isChat = path === '/v1/chat/completions';
    if (isChat && !Array.isArray(body['messages'])) {
      return failure(400, 'invalid_request_error', '"messages" must be an array');
    }
    if (imagesOf(body).length > 0 && !this.#options.hasVision) {
      return failure(500, 'server_error', 'image input is not supported');
    }
    if (this.#options.isStrict === true && 'stream_options' in body) {
      return failure(400, 'invalid_request_error', 'Extra inputs are not permitted');
    }
    if (this.#options.refuses?.(body) === true) {
      return failure(400, 'invalid_request_error', 'not for this server');
    }
    const prompted = wordsOf(promptOf(body)).length;
    const { contextTokens } = this.#options;
    if (prompted > contextTokens) {
      return failure(
        400,
        'exceed_context_size_error',
        `the request (${prompted} tokens) exceeds the available context size (${contextTokens} tokens)`,
      );
    }
    const words = answerOf(body);
    const usage = {
      prompt_tokens: prompted,
      completion_tokens: words.length,
      total_tokens: prompted + words.length,
      prompt_tokens_details: { cached_tokens: 1 },
    };
    const stem = { id: 'fake-1', created: 1, model: body['model'] };
    this.#running += 1;
    this.#mostRunning = Math.max(this.#mostRunning, this.#running);
    if (body['stream'] === true) {
      const events = this.#stream({ body, words, usage, stem, isChat, signal });
      // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
      return new Response(events, { headers: { 'content-type': 'text/event-stream' } });
    }
    for (const _ of words) await this.#pause(signal);
    this.#running -= 1;
    if (signal.aborted) this.#aborted += 1;
    const text = words.join('');
    const message = { role: 'assistant', content: text };
    const choice = { index: 0, finish_reason: 'length', ...(isChat ? { message } : { text }) };
    const object = isChat ? 'chat.completion' : 'text_completion';
    return Response.json({ ...stem, object, choices: [choice], usage });
  }

  async #pause(signal: AbortSignal): Promise<void> {
    if (!signal.aborted) await Bun.sleep(this.#options.wordMs ?? 1);
  }

  async *#stream(answer: {
    readonly body: Body;
    readonly words: readonly string[];
    readonly usage: object;
    readonly stem: object;
    readonly isChat: boolean;
    readonly signal: AbortSignal;
  }): AsyncGenerator<string, void> {
    const { body, words, usage, stem, isChat, signal } = answer;
    const object = isChat ? 'chat.completion.chunk' : 'text_completion';
    const event = (fields: object): string =>
      `data: ${JSON.stringify({ ...stem, object, ...fields })}\n\n`;
    const choice = (text: string | undefined, finish: string | null): object => ({
      choices: [
        {
          index: 0,
          finish_reason: finish,
          ...(isChat
            ? { delta: text === undefined ? {} : { content: text } }
            : { text: text ?? '' }),
        },
      ],
    });
    try {
      for (const word of words) {
        await this.#pause(signal);
        if (signal.aborted) return;
        yield event(choice(word, null));
      }
      yield event(choice(undefined, 'length'));
      const { stream_options: options } = body;
      const isAsked = isJsonObject(options) && options['include_usage'] === true;
      if (isAsked && this.#options.isMute !== true) yield event({ choices: [], usage });
      yield 'data: [DONE]\n\n';
    } finally {
      this.#running -= 1;
      if (signal.aborted) this.#aborted += 1;
    }
  }
}
