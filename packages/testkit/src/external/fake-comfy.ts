/**
 * A server with the routes and the WebSocket of ComfyUI that a client of its API uses, written from its documentation.
 * An image is the text of the workflow that made it.
 */
interface Run {
  readonly id: string;
  readonly clientId: string;
  readonly prompt: Readonly<Record<string, unknown>>;
}

export interface FakeComfyOptions {
  /** All runs wait for `release`. Default: only those whose workflow contains "held". */
  readonly isHeld?: boolean | undefined;
  /** `POST /prompt` refuses every workflow with this. */
  readonly refusal?: object | undefined;
  /** Every run fails with this. */
  readonly failure?: string | undefined;
}

interface Client {
  readonly clientId: string;
}

export class FakeComfy implements Disposable {
  readonly runs: Run[] = [];
  /** Bodies of `POST /interrupt`, `/queue` and `/free`, by path. */
  readonly calls: { readonly path: string; readonly body: unknown }[] = [];
  readonly #options: FakeComfyOptions;
  readonly #server: Bun.Server<Client>;
  readonly #sockets = new Map<string, Bun.ServerWebSocket<Client>>();
  readonly #queue: Run[] = [];
  #running: Run | undefined;

  constructor(options: FakeComfyOptions = {}) {
    this.#options = options;
    this.#server = Bun.serve<Client>({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request, server) => this.#answer(request, server),
      websocket: {
        open: (socket) => void this.#sockets.set(socket.data.clientId, socket),
        close: (socket) => void this.#sockets.delete(socket.data.clientId),
        message: () => undefined,
      },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  /** Ends the run that is held. */
  release(): void {
    const run = this.#running;
    if (!run) throw new Error('no run is held');
    this.#finish(run);
  }

  /** Runs that wait or run. */
  get pending(): number {
    return this.#queue.length + (this.#running ? 1 : 0);
  }

  /** Whether a run has begun, which can be released. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }

  async #answer(request: Request, server: Bun.Server<Client>): Promise<Response | undefined> {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === '/ws') {
      const clientId = searchParams.get('clientId') ?? '';
      if (server.upgrade(request, { data: { clientId } })) return undefined;
      return new Response(null, { status: 400 });
    }
    if (request.method === 'GET') return this.#read(pathname, searchParams);
    const body: unknown = await request.json();
    if (pathname === '/prompt') return this.#prompt(body);
    this.calls.push({ path: pathname, body });
    if (pathname === '/interrupt') this.#interrupt();
    return new Response(null);
  }

  #read(pathname: string, query: URLSearchParams): Response {
    if (pathname === '/system_stats') return Response.json({ system: {}, devices: [] });
    if (pathname === '/view') {
      return new Response(`image of ${query.get('filename')}`, {
        headers: { 'content-type': 'image/png' },
      });
    }
    const id = pathname.replace('/history/', '');
    const run = this.runs.find((done) => done.id === id);
    if (!run) return Response.json({});
    const images = [
      { filename: 'preview.png', subfolder: '', type: 'temp' },
      { filename: `${id}.png`, subfolder: 'out', type: 'output' },
    ];
    return Response.json({ [id]: { outputs: { 9: { images } } } });
  }

  #prompt(body: unknown): Response {
    const { refusal } = this.#options;
    if (refusal) return Response.json(refusal, { status: 400 });
    const { prompt, client_id: clientId } = Object(body);
    const run = { id: `run-${this.runs.length + 1}`, clientId: String(clientId), prompt };
    this.runs.push(run);
    this.#queue.push(run);
    // After the answer, as the server's worker does it.
    setTimeout(() => this.#next(), 0);
    return Response.json({ prompt_id: run.id, number: this.runs.length, node_errors: {} });
  }

  #next(): void {
    if (this.#running) return;
    const run = this.#queue.shift();
    if (!run) return;
    this.#running = run;
    this.#send(run, 'execution_start', {});
    this.#send(run, 'progress', { value: 1, max: 20, node: '3' });
    const isHeld = this.#options.isHeld === true || JSON.stringify(run.prompt).includes('held');
    if (!isHeld) this.#finish(run);
  }

  #finish(run: Run): void {
    this.#running = undefined;
    const { failure } = this.#options;
    if (failure === undefined) this.#send(run, 'execution_success', {});
    else this.#send(run, 'execution_error', { exception_message: failure, node_type: 'KSampler' });
    this.#next();
  }

  #interrupt(): void {
    if (!this.#running) return;
    this.#send(this.#running, 'execution_interrupted', {});
    this.#running = undefined;
    this.#next();
  }

  #send({ id, clientId }: Run, type: string, data: object): void {
    const message = JSON.stringify({ type, data: { ...data, prompt_id: id } });
    this.#sockets.get(clientId)?.send(message);
  }
}
