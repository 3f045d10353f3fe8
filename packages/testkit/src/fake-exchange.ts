import {
  formatUsageComment,
  isMultipart,
  NEURON_HEADERS,
  type NeuronUsage,
  readFormFields,
  SSE_DONE,
} from '@cortex/protocol';

/** A list of occurrences, with a way to wait for the nth one. */
export class Occurrences<T> {
  readonly all: T[] = [];
  readonly #waiting: { readonly count: number; readonly resolve: (item: T) => void }[] = [];

  add(item: T): void {
    this.all.push(item);
    for (const { count, resolve } of this.#waiting) if (count === this.all.length) resolve(item);
  }

  /** Resolves with the `count`th, counted from 1, even when it is already in the list. */
  nth(count: number): Promise<T> {
    const item = this.all[count - 1];
    if (item !== undefined) return Promise.resolve(item);
    return new Promise((resolve) => {
      this.#waiting.push({ count, resolve });
    });
  }
}

type Piece = Uint8Array<ArrayBuffer> | 'end' | 'break';

/** An error as neuron sends it. `refused`: the node did no work. */
export interface ScriptedError {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly retryAfterS?: number;
  readonly refused?: boolean;
}

export const SCRIPTED_USAGE: NeuronUsage = {
  prompt_tokens: 5,
  completion_tokens: 2,
  cached_tokens: 0,
  reasoning_tokens: 0,
  queue_ms: 0,
  prompt_ms: 1,
  decode_ms: 2,
  estimated: false,
};

/** The most frequent refusals of contracts section 2. */
export const REFUSALS = {
  modelNotLoaded: {
    status: 404,
    code: 'model_not_loaded',
    message: 'the model is not loaded on this node',
    refused: true,
  },
  queueFull: {
    status: 503,
    code: 'queue_full',
    message: 'the queue is full',
    retryAfterS: 2,
    refused: true,
  },
  recovering: {
    status: 503,
    code: 'node_recovering',
    message: 'the engine is being restarted',
    retryAfterS: 2,
    refused: true,
  },
} as const satisfies Record<string, ScriptedError>;

export function errorAnswer({ status, code, message, retryAfterS, refused }: ScriptedError) {
  return Response.json(
    { error: { message, type: 'server_error', code, param: null } },
    {
      status,
      headers: {
        ...(retryAfterS !== undefined && { 'retry-after': String(retryAfterS) }),
        ...(refused && { [NEURON_HEADERS.refused]: '1' }),
      },
    },
  );
}

/**
 * One inference request at a fake neuron, answered step by step.
 *
 * Start with one of `stream`, `json`, `fail` or `breakOff`. After `stream`, call `event` and `raw` any number of
 * times, then `finish` or `breakOff`. Without a call the node hangs.
 */
export class FakeExchange {
  readonly path: string;
  readonly headers: Headers;
  /** The body as received. */
  readonly bytes: Uint8Array;
  /** Model name in the body. */
  readonly model: string;
  /** Resolves when cortex has closed the request early. */
  readonly left: Promise<void>;
  readonly response: Promise<Response>;
  readonly #answer: (response: Response) => void;
  readonly #pieces: Piece[] = [];
  readonly #ended: () => void;
  #wake: (() => void) | undefined;

  constructor(request: Request, bytes: Uint8Array, ended: () => void) {
    this.path = new URL(request.url).pathname;
    this.headers = request.headers;
    this.bytes = bytes;
    this.model = readModelOf(request, bytes);
    const response = Promise.withResolvers<Response>();
    this.response = response.promise;
    this.#answer = response.resolve;
    this.#ended = ended;
    const left = Promise.withResolvers<void>();
    this.left = left.promise;
    request.signal.addEventListener('abort', () => {
      ended();
      left.resolve();
      this.#answer(new Response(null, { status: 499 }));
      this.#push('end');
    });
  }

  /** Starts a stream. Bun sends status and headers together with the first bytes, so send some. */
  stream(headers: Readonly<Record<string, string>> = {}): this {
    this.#answer(
      // @ts-expect-error -- Bun accepts an async generator as body; the DOM types of TypeScript do not.
      new Response(this.#body(), {
        headers: {
          'content-type': 'text/event-stream',
          [NEURON_HEADERS.promptTokens]: String(SCRIPTED_USAGE.prompt_tokens),
          ...headers,
        },
      }),
    );
    return this;
  }

  /** One event with `data` as JSON. */
  event(data: object): this {
    return this.raw(`data: ${JSON.stringify(data)}\n\n`);
  }

  /** One chat chunk that adds `content`. */
  token(content: string): this {
    return this.event({
      id: 'chatcmpl-fake',
      object: 'chat.completion.chunk',
      created: 1,
      model: this.model,
      choices: [{ index: 0, delta: { content }, finish_reason: null }],
    });
  }

  /** Bytes in one write, unchanged: for partial events, comments, CRLF. */
  raw(bytes: string | Uint8Array<ArrayBuffer>): this {
    this.#push(typeof bytes === 'string' ? new TextEncoder().encode(bytes) : bytes);
    return this;
  }

  /** Sends the usage comment and `[DONE]`, and ends the stream. */
  finish(usage: NeuronUsage = SCRIPTED_USAGE): void {
    this.raw(formatUsageComment(usage) + SSE_DONE);
    this.end();
  }

  /** Ends the stream without further bytes. */
  end(): void {
    this.#push('end');
  }

  /** Sends a complete answer without streaming. */
  json(body: object, headers: Readonly<Record<string, string>> = {}): void {
    this.#answer(
      Response.json(body, {
        headers: { [NEURON_HEADERS.usage]: JSON.stringify(SCRIPTED_USAGE), ...headers },
      }),
    );
    this.#ended();
  }

  fail(error: ScriptedError): void {
    this.#answer(errorAnswer(error));
    this.#ended();
  }

  /** Breaks the connection; after `stream`, in the middle of the body. */
  breakOff(): void {
    this.#push('break');
  }

  #push(piece: Piece): void {
    this.#pieces.push(piece);
    this.#wake?.();
  }

  async *#body(): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    try {
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece === 'end') return;
        if (piece === 'break') throw new Error('scripted break');
        if (piece !== undefined) {
          yield piece;
          continue;
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.#ended();
    }
  }
}

function readModelOf({ headers }: Request, bytes: Uint8Array): string {
  const contentType = headers.get('content-type');
  if (isMultipart(contentType)) return readFormFields(bytes, contentType).get('model')?.value ?? '';
  const body: unknown = JSON.parse(new TextDecoder().decode(bytes));
  const hasModel = typeof body === 'object' && body !== null && 'model' in body;
  return hasModel && typeof body.model === 'string' ? body.model : '';
}
