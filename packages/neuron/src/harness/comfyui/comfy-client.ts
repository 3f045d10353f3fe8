/** One run of a workflow on a ComfyUI server: queued by HTTP, followed on its WebSocket. */
import { CortexError, isJsonObject } from '@cortex/protocol';
import { z } from 'zod';

import { callUpstream, type Upstream } from '../external/upstream.ts';
import { readPromptError } from './image-request.ts';

const NEVER = new AbortController().signal;
/** Images of 8k × 8k pixels are larger than answers usually are. */
const VIEW_MS = 120_000;

export interface ComfyRun {
  readonly upstream: Upstream;
  /** The workflow with its values. */
  readonly prompt: Readonly<Record<string, unknown>>;
  /** Called when the run has left the queue of ComfyUI. */
  readonly started: () => void;
  /** Called with the progress of the node that runs, 0 to 1. */
  readonly progress: (ratio: number) => void;
  readonly signal: AbortSignal;
}

export interface ComfyImage {
  readonly bytes: Uint8Array;
  readonly contentType: string;
}

const Event = z.looseObject({
  type: z.string(),
  data: z.looseObject({
    prompt_id: z.string().optional(),
    node: z.string().nullish(),
    exception_message: z.string().optional(),
    node_type: z.string().optional(),
    value: z.number().optional().catch(undefined),
    max: z.number().positive().optional().catch(undefined),
  }),
});
type Event = z.infer<typeof Event>;

const ImageFile = z.looseObject({
  filename: z.string(),
  subfolder: z.string().default(''),
  type: z.string().default('output'),
});
type ImageFile = z.infer<typeof ImageFile>;

const History = z.record(
  z.string(),
  z.looseObject({
    outputs: z.record(z.string(), z.looseObject({ images: z.array(ImageFile).optional() })),
  }),
);

const failed = ({ harness }: Upstream, why: string): CortexError =>
  new CortexError('node_protocol_error', `ComfyUI (${harness}) could not create the image: ${why}`);

function parseEvent(text: unknown): Event | undefined {
  // Binary messages are previews.
  if (typeof text !== 'string') return undefined;
  try {
    return Event.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function openSocket({ url, headers }: Upstream, clientId: string): WebSocket {
  const address = new URL(`${url}/ws`);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  address.searchParams.set('clientId', clientId);
  // For a server behind a proxy that wants a key.
  // @ts-expect-error -- Bun takes headers, TypeScript's DOM library does not know.
  return new WebSocket(address, { headers: { ...headers } });
}

/** Resolves when `socket` is open. @throws CortexError `no_capacity` */
function opened(socket: WebSocket, { harness, url }: Upstream): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.addEventListener('open', () => resolve(), { once: true });
    const fail = (): void =>
      reject(
        new CortexError('no_capacity', `ComfyUI (${harness}) has no WebSocket at ${url}/ws.`, {
          retryAfterS: 5,
        }),
      );
    socket.addEventListener('error', fail, { once: true });
    socket.addEventListener('close', fail, { once: true });
  });
}

/** What the server reports about one run. Events before the id of the run is known are kept until it is. */
class RunEvents {
  /** Resolves when the run has ended well; rejects with its failure. */
  readonly end: Promise<void>;
  readonly #run: ComfyRun;
  readonly #end = Promise.withResolvers<void>();
  readonly #early: Event[] = [];
  #promptId: string | undefined;

  constructor(socket: WebSocket, run: ComfyRun) {
    this.#run = run;
    this.end = this.#end.promise;
    // Nobody waits for it while the workflow is queued.
    this.end.catch(() => undefined);
    socket.addEventListener('message', ({ data }) => {
      const event = parseEvent(data);
      if (!event) return;
      if (this.#promptId === undefined) this.#early.push(event);
      else this.#take(event);
    });
    socket.addEventListener('close', () =>
      this.#end.reject(failed(run.upstream, 'the connection to it broke during the run')),
    );
  }

  /** A workflow whose results are cached has often ended before its id is known. */
  begin(promptId: string): void {
    this.#promptId = promptId;
    for (const event of this.#early) this.#take(event);
  }

  #take({ type, data }: Event): void {
    if (data.prompt_id !== this.#promptId) return;
    const { upstream, started, progress } = this.#run;
    switch (type) {
      case 'execution_start':
        return started();
      case 'progress': {
        const { value, max } = data;
        if (value !== undefined && max !== undefined)
          progress(Math.min(1, Math.max(0, value / max)));
        return;
      }
      case 'execution_success':
        return this.#end.resolve();
      case 'executing':
        // Older servers end a run with this.
        if (data.node === null) this.#end.resolve();
        return;
      case 'execution_error': {
        const where = data.node_type === undefined ? '' : ` (${data.node_type})`;
        const why = `${data.exception_message ?? 'no reason given'}${where}`;
        return this.#end.reject(failed(upstream, why));
      }
      case 'execution_interrupted':
        return this.#end.reject(failed(upstream, 'the run was interrupted on the server'));
    }
  }
}

/** Puts the workflow into the queue of ComfyUI. @throws CortexError `invalid_request` with what ComfyUI says */
async function queue({ upstream, prompt, signal }: ComfyRun, clientId: string): Promise<string> {
  const body = { prompt, client_id: clientId };
  const { status, value } = await callUpstream(upstream, '/prompt', {
    method: 'POST',
    body,
    signal,
  });
  const id = isJsonObject(value) ? value['prompt_id'] : undefined;
  if (status < 300 && typeof id === 'string') return id;
  if (status === 400) {
    throw new CortexError(
      'invalid_request',
      `ComfyUI does not accept the workflow of this model: ${readPromptError(value)}`,
    );
  }
  throw failed(upstream, `status ${status}: ${readPromptError(value)}`);
}

async function view(upstream: Upstream, file: ImageFile, signal: AbortSignal): Promise<ComfyImage> {
  const { filename, subfolder, type } = file;
  const query = new URLSearchParams({ filename, subfolder, type });
  const answer = await fetch(`${upstream.url}/view?${query}`, {
    headers: { ...upstream.headers },
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(VIEW_MS)]),
  });
  if (!answer.ok) throw failed(upstream, `${filename} cannot be read (status ${answer.status})`);
  const contentType = answer.headers.get('content-type') ?? 'image/png';
  return { bytes: await answer.bytes(), contentType };
}

/** Takes the run out of the queue, or stops it. A server that does not answer has nothing left to stop. */
async function interrupt(upstream: Upstream, promptId: string): Promise<void> {
  const post = (path: string, body: object) =>
    callUpstream(upstream, path, { method: 'POST', body, signal: NEVER });
  await Promise.allSettled([
    post('/queue', { delete: [promptId] }),
    post('/interrupt', { prompt_id: promptId }),
  ]);
}

/**
 * Runs a workflow and reads its images. When `signal` aborts, the run is taken out of the queue or interrupted.
 *
 * @throws CortexError what ComfyUI reports; the reason of `signal`
 */
export async function runWorkflow(run: ComfyRun): Promise<readonly ComfyImage[]> {
  const { upstream, signal } = run;
  const clientId = crypto.randomUUID();
  const socket = openSocket(upstream, clientId);
  let promptId: string | undefined;
  const leave = Promise.withResolvers<never>();
  const onAbort = (): void => leave.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  leave.promise.catch(() => undefined);
  try {
    signal.throwIfAborted();
    await Promise.race([opened(socket, upstream), leave.promise]);
    const events = new RunEvents(socket, run);
    promptId = await queue(run, clientId);
    events.begin(promptId);
    await Promise.race([events.end, leave.promise]);
    const { value } = await callUpstream(upstream, `/history/${promptId}`, { signal });
    const outputs = History.safeParse(value).data?.[promptId]?.outputs ?? {};
    const files = Object.values(outputs).flatMap(({ images = [] }) => images);
    // Previews are not results.
    const results = files.filter(({ type }) => type === 'output');
    const images = results.length > 0 ? results : files;
    if (images.length === 0) throw failed(upstream, 'the workflow saves no image');
    return await Promise.all(images.map((file) => view(upstream, file, signal)));
  } catch (error) {
    if (signal.aborted && promptId !== undefined) await interrupt(upstream, promptId);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.close();
  }
}
