import { Worker } from 'node:worker_threads';

/**
 * The thread: compiles templates with its own instance of the native renderer, which shares no state with others, and
 * keeps the last one compiled. Only the renderer is used there. The rest of the library belongs to the main thread.
 */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const { AddonJinjaRenderer } = require(workerData.library);
let last;
parentPort.on('message', ({ id, template, variables }) => {
  try {
    if (last?.template !== template) last = { template, renderer: new AddonJinjaRenderer(template) };
    parentPort.postMessage({ id, text: last.renderer.render(JSON.parse(variables)) });
  } catch (error) {
    parentPort.postMessage({ id, error: String(error?.message ?? error) });
  }
});
`;

/** The thread does not run. Says nothing about the template. */
export class RenderThreadFailure extends Error {
  override readonly name = 'RenderThreadFailure';
}

interface Answer {
  readonly id: number;
  readonly text?: string;
  readonly error?: string;
}

/**
 * Renders chat templates beside the main thread, so that a large conversation does not hold up the streams.
 *
 * The thread starts with the first conversation and ends with the process: the library frees its global state when a
 * thread that opened it ends. So a process has one, whatever models it loads.
 */
export class RenderThread {
  readonly #library: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>();
  #worker: Worker | undefined;
  #lastId = 0;

  /** @param library - Path of the native library that this process has opened. */
  constructor(library: string) {
    this.#library = library;
  }

  /** The rendered text. @throws Error of the template; RenderThreadFailure if there is no thread */
  render(template: string, variables: Readonly<Record<string, unknown>>): Promise<string> {
    const worker = (this.#worker ??= this.#start());
    const id = (this.#lastId += 1);
    const waiting = Promise.withResolvers<string>();
    this.#waiting.set(id, waiting);
    worker.ref();
    // As text, because copying a large object takes longer than writing and parsing it.
    worker.postMessage({ id, template, variables: JSON.stringify(variables) });
    return waiting.promise;
  }

  #start(): Worker {
    const worker = new Worker(THREAD, { eval: true, workerData: { library: this.#library } });
    worker.on('message', (answer: Answer) => this.#take(worker, answer));
    worker.on('error', (error: Error) => this.#fail(worker, error.message));
    worker.on('exit', () => this.#fail(worker, 'it has ended'));
    return worker;
  }

  #take(worker: Worker, { id, text, error }: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) worker.unref();
    if (text === undefined) waiting?.reject(new Error(error));
    else waiting?.resolve(text);
  }

  #fail(worker: Worker, reason: string): void {
    // An error is followed by an exit, when the next thread may already render.
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const failure = new RenderThreadFailure(`the thread that renders templates failed: ${reason}`);
    for (const waiting of this.#waiting.values()) waiting.reject(failure);
    this.#waiting.clear();
  }
}
