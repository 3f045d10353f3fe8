import {
  type Discovery,
  ClaimRequest,
  DrainRequest,
  LoadModelRequest,
  type ModelEntry,
  type ModelLoad,
  NEURON_HEADERS,
  type NodeHealth,
  PinModelRequest,
  PullModelRequest,
  SleepModelRequest,
  UnloadModelRequest,
} from '@cortex/protocol';

import {
  errorAnswer,
  FakeExchange,
  Occurrences,
  REFUSALS,
  type ScriptedError,
} from './fake-exchange.ts';
import type { FakeEvents } from './fake-events.ts';
import { FakeLoad } from './fake-load.ts';
import { FakeMemory } from './fake-memory.ts';
import { type SelfSigned } from './self-signed.ts';

export interface FakeModel extends Partial<ModelEntry> {
  readonly id: string;
  /** Absent: the current requests of the fake, 4 slots and a queue of 32. */
  readonly load?: Partial<ModelLoad>;
  /** MiB that it keeps while it sleeps; absent: none. */
  readonly asleepMib?: number;
}

interface FakeNeuronOptions {
  readonly models?: readonly FakeModel[];
  readonly discovery?: Partial<Discovery>;
  /** Bearer token that every request must have; absent: none. */
  readonly token?: string;
  /** Serves HTTPS with this certificate; absent: plain HTTP. */
  readonly tls?: Pick<SelfSigned, 'cert' | 'key'>;
  /**
   * The URL that `/models/{id}/endpoint` returns, and under whose path it serves inference; absent: its own
   * address.
   */
  readonly endpointUrl?: string;
  /** Serves `GET /events`; absent: it answers 404, as a neuron without events does. */
  readonly events?: FakeEvents;
  /** As `/health` reports them; absent: `llama`. */
  readonly harnesses?: NodeHealth['harnesses'];
  /** MiB of its only GPU, which models take by their `vram_used_mb`; absent: it does not tell its memory. */
  readonly memoryMib?: number;
  /** Called at each `POST /models/rescan`. */
  readonly rescanned?: () => void;
  /** Answers inference requests; absent: the test takes each exchange with `exchange(n)`. */
  readonly answer?: (exchange: FakeExchange) => void;
}

interface ReceivedCall {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
}

const toEntry = ({ load: _load, asleepMib: _asleepMib, ...model }: FakeModel): ModelEntry => ({
  harness: 'llama',
  status: 'loaded',
  devices: [0],
  capabilities: ['text'],
  settings: {},
  generation: 1,
  pinned: false,
  on_disk: true,
  ...model,
});

const INFERENCE_PATH = /^\/(?:v1\/.*|tokenize|detokenize|count-tokens)$/;

const DISCOVERY: Discovery = {
  hostname: 'fake',
  os: 'Linux',
  kernel: '6.0',
  arch: 'x64',
  cpu: { model: 'fake', cores: 4 },
  ram_total_mb: 16_000,
  storage: [],
  devices: [{ index: 0, name: 'cpu', kind: 'cpu', vram_total_mb: 16_000 }],
  harnesses: ['llama'],
};

/** A neuron that a test controls, behind a real socket on a separate port. */
export class FakeNeuron {
  /** Every request, in order of arrival. */
  readonly calls = new Occurrences<ReceivedCall>();
  readonly #options: FakeNeuronOptions;
  readonly #models = new Map<string, FakeModel>();
  readonly #byPath = new Map<string, Occurrences<ReceivedCall>>();
  readonly #exchanges = new Occurrences<FakeExchange>();
  readonly #active = new Map<string, number>();
  readonly #loads = new Occurrences<FakeLoad>();
  readonly #loading = new Map<string, FakeLoad>();
  readonly #failures = new Map<string, ScriptedError>();
  readonly #memory: FakeMemory;
  #hung:
    { readonly path: string | undefined; readonly until: PromiseWithResolvers<void> } | undefined;
  #isDraining = false;
  #tokens: readonly string[];
  #server: Bun.Server<undefined>;
  readonly #port: number;

  constructor(options: FakeNeuronOptions = {}) {
    this.#options = options;
    this.#memory = new FakeMemory(options.memoryMib);
    this.#tokens = options.token === undefined ? [] : [options.token];
    for (const model of options.models ?? []) this.setModel(model);
    this.#server = this.#listen(0);
    this.#port = this.#server.port ?? 0;
  }

  get url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** Adds or changes a model; absent fields stay unchanged. */
  setModel(model: FakeModel): void {
    const before = this.#models.get(model.id);
    this.#models.set(model.id, { ...before, ...model, load: { ...before?.load, ...model.load } });
  }

  removeModel(id: string): void {
    this.#models.delete(id);
  }

  /** Every request must have one of these bearer tokens from now on. */
  setTokens(tokens: readonly string[]): void {
    this.#tokens = tokens;
  }

  setDraining(state: 'draining' | 'serving'): void {
    this.#isDraining = state === 'draining';
  }

  /** How often a path (without query) was called, such as `/health` or `/models/load`. */
  count(path: string): number {
    return this.#byPath.get(path)?.all.length ?? 0;
  }

  /** The `nth` call of a path, counted from 1; waits for it. */
  call(path: string, nth = 1): Promise<ReceivedCall> {
    return this.#callsOf(path).nth(nth);
  }

  /** The `nth` inference request, counted from 1; waits for it. */
  exchange(nth = 1): Promise<FakeExchange> {
    return this.#exchanges.nth(nth);
  }

  /** The `nth` started load, counted from 1; waits for it. */
  load(nth = 1): Promise<FakeLoad> {
    return this.#loads.nth(nth);
  }

  get loadCount(): number {
    return this.#loads.all.length;
  }

  /** Inference requests that are neither answered nor cancelled. */
  get activeCount(): number {
    return [...this.#active.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Answers every call of `path` with `error`, until `heal`. */
  failPath(path: string, error: ScriptedError): void {
    this.#failures.set(path, error);
  }

  heal(path: string): void {
    this.#failures.delete(path);
  }

  /** Accepts requests, all or those of one path, without answering them, until `resume`. */
  hang(path?: string): void {
    this.#hung = { path, until: Promise.withResolvers() };
  }

  resume(): void {
    this.#hung?.until.resolve();
    this.#hung = undefined;
  }

  /** Ends like a killed process: breaks its connections and closes the port. */
  async die(): Promise<void> {
    await this.#server.stop(true);
  }

  /** Listens again on the same port. */
  revive(): void {
    this.#server = this.#listen(this.#port);
  }

  async close(): Promise<void> {
    this.resume();
    await this.#server.stop(true);
  }

  #listen(port: number): Bun.Server<undefined> {
    return Bun.serve({
      hostname: '127.0.0.1',
      ...(this.#options.tls !== undefined && { tls: this.#options.tls }),
      port,
      idleTimeout: 0,
      maxRequestBodySize: 256 << 20,
      fetch: (request) => this.#serve(request),
    });
  }

  #callsOf(path: string): Occurrences<ReceivedCall> {
    const calls = this.#byPath.get(path) ?? new Occurrences<ReceivedCall>();
    this.#byPath.set(path, calls);
    return calls;
  }

  async #serve(request: Request): Promise<Response> {
    const bytes = new Uint8Array(await request.arrayBuffer());
    const path = new URL(request.url).pathname;
    const { method, headers } = request;
    const { pathname } = new URL(this.#options.endpointUrl ?? this.url);
    const basePath = pathname.replace(/\/$/, '');
    const isInference =
      method === 'POST' &&
      path.startsWith(basePath) &&
      INFERENCE_PATH.test(path.slice(basePath.length));
    const body = isInference ? '' : new TextDecoder().decode(bytes);
    const call = { method, path, headers, body };
    this.calls.add(call);
    this.#callsOf(path).add(call);
    if (this.#hung && (this.#hung.path === undefined || this.#hung.path === path)) {
      await this.#hung.until.promise;
    }
    const given = headers.get('authorization')?.replace(/^Bearer /, '') ?? '';
    if (this.#tokens.length > 0 && !this.#tokens.includes(given)) {
      return errorAnswer({ status: 401, code: 'invalid_api_key', message: 'wrong node token' });
    }
    const failure = this.#failures.get(path);
    if (failure) return errorAnswer(failure);
    if (isInference) return this.#infer(request, bytes);
    if (method === 'POST') return this.#manage(request, path, body);
    if (method === 'DELETE') return this.#removeFiles(path);
    if (path === '/events' && this.#options.events) {
      return this.#options.events.respond(request.signal, this.#listed());
    }
    return this.#read(path);
  }

  #infer(request: Request, bytes: Uint8Array): Promise<Response> | Response {
    let isActive = true;
    const exchange: FakeExchange = new FakeExchange(request, bytes, () => {
      if (isActive) this.#active.set(exchange.model, (this.#active.get(exchange.model) ?? 1) - 1);
      isActive = false;
    });
    // Tokenizer routes also work from the file of a model that is not loaded.
    const needsLoad = exchange.path.startsWith('/v1/');
    const isKnown = this.#models.has(exchange.model);
    if (!isKnown || (needsLoad && this.#status(exchange.model) !== 'loaded')) {
      return errorAnswer(REFUSALS.modelNotLoaded);
    }
    this.#active.set(exchange.model, (this.#active.get(exchange.model) ?? 0) + 1);
    this.#exchanges.add(exchange);
    this.#options.answer?.(exchange);
    return exchange.response;
  }

  #read(path: string): Response {
    if (path === '/health') return Response.json(this.#health());
    if (path === '/models') {
      const { events } = this.#options;
      return Response.json(this.#listed(), {
        headers: events ? { [NEURON_HEADERS.revision]: String(events.revision) } : {},
      });
    }
    if (path === '/discovery') return this.#discovery();
    if (path === '/version') return Response.json({ version: '0.0.0-fake', runtime: 'bun' });
    if (path.startsWith('/models/') && path.endsWith('/endpoint')) {
      return Response.json({ url: this.#options.endpointUrl ?? this.url });
    }
    return errorAnswer({ status: 404, code: 'invalid_request', message: `no route ${path}` });
  }

  /** `DELETE /models/{id}/files`: the model is gone. */
  #removeFiles(path: string): Response {
    const id = decodeURIComponent(/^\/models\/(.+)\/files$/.exec(path)?.[1] ?? '');
    if (!this.#models.delete(id)) {
      return errorAnswer({ status: 404, code: 'model_not_found', message: `no file of ${id}` });
    }
    return Response.json({ model_id: id, files: [`${id}.gguf`], freed_bytes: 1000 });
  }

  #discovery(): Response {
    const { discovery } = this.#options;
    return Response.json({ ...DISCOVERY, ...this.#memory.discovered, ...discovery });
  }

  #estimate(id: string): Response {
    const { vram_used_mb: mib } = this.#models.get(id) ?? {};
    if (mib === undefined) {
      return errorAnswer({ status: 404, code: 'model_not_found', message: `no file of ${id}` });
    }
    return Response.json({ vram_mb: mib, devices: [0] });
  }

  /** A model that is used, or was loaded again, stays. */
  #unload({ model_id: id, if_idle = false, if_generation }: UnloadModelRequest): Response {
    const refusal = this.#keeps(id, { ifIdle: if_idle, ifGeneration: if_generation });
    if (refusal) return refusal;
    this.setModel({ id, status: 'unloaded' });
    return Response.json({ status: 'unloaded' });
  }

  #sleep(id: string, { if_generation }: SleepModelRequest): Response {
    if (this.#models.get(id)?.can_sleep !== true) {
      const message = `The harness llama cannot put a model to sleep. Unload ${id} instead.`;
      return errorAnswer({ status: 422, code: 'wrong_modality', message });
    }
    const refusal = this.#keeps(id, { ifIdle: true, ifGeneration: if_generation });
    if (refusal) return refusal;
    this.setModel({ id, status: 'sleeping' });
    return Response.json({ status: 'sleeping' });
  }

  #keeps(
    id: string,
    only: { readonly ifIdle: boolean; readonly ifGeneration: number | undefined },
  ): Response | undefined {
    const isBusy = only.ifIdle && (this.#active.get(id) ?? 0) > 0;
    const generation = this.#models.get(id)?.generation ?? 1;
    const isOther = only.ifGeneration !== undefined && only.ifGeneration !== generation;
    if (!isBusy && !isOther) return undefined;
    return errorAnswer({ status: 409, code: 'conflict', message: `${id} is in use` });
  }

  #manage(request: Request, path: string, body: string): Promise<Response> | Response {
    const json: unknown = JSON.parse(body);
    if (path === '/models/load') return this.#load(request, LoadModelRequest.parse(json));
    if (path === '/models/rescan') {
      this.#options.rescanned?.();
      return Response.json({ models: this.#models.size });
    }
    if (path === '/models/pull') {
      const { model_id, source = `hf:${model_id}`, quant } = PullModelRequest.parse(json);
      const report = { model_id, source, quant, status: 'running', bytes_done: 0, files: [] };
      return Response.json(report, { status: 202 });
    }
    if (path === '/drain') {
      const { draining, for_s } = DrainRequest.parse(json);
      this.#isDraining = draining;
      return Response.json({ draining, for_s });
    }
    if (path === '/claim') {
      const { for_s: remaining_s, ...claim } = ClaimRequest.parse(json);
      return Response.json({ claims: remaining_s > 0 ? [{ ...claim, remaining_s }] : [] });
    }
    if (path.endsWith('/pin')) {
      const { pinned } = PinModelRequest.parse(json);
      this.setModel({ id: decodeURIComponent(path.slice('/models/'.length, -4)), pinned });
      return Response.json({ pinned });
    }
    const slept = /^\/models\/(.+)\/sleep$/.exec(path)?.[1];
    if (slept !== undefined)
      return this.#sleep(decodeURIComponent(slept), SleepModelRequest.parse(json));
    const estimated = /^\/models\/(.+)\/estimate$/.exec(path)?.[1];
    if (estimated !== undefined) return this.#estimate(decodeURIComponent(estimated));
    if (/^\/harnesses\/[^/]+\/restart$/.test(path)) return Response.json({ status: 'restarted' });
    if (path !== '/models/unload') {
      return errorAnswer({ status: 404, code: 'invalid_request', message: `no route ${path}` });
    }
    return this.#unload(UnloadModelRequest.parse(json));
  }

  #load(request: Request, wanted: LoadModelRequest): Promise<Response> | Response {
    const id = wanted.model_id;
    if (this.#status(id) === 'loaded') return Response.json({ status: 'loaded' });
    const running = this.#loading.get(id);
    const { vram_used_mb: needMib = 0 } = this.#models.get(id) ?? {};
    const others = this.#listed().filter((model) => model.id !== id);
    const missingMib = running ? 0 : this.#memory.missingMib(needMib, others);
    if (missingMib > 0) {
      const message = `${missingMib} MiB are missing`;
      return errorAnswer({ status: 503, code: 'insufficient_vram', message });
    }
    const load = running ?? new FakeLoad(wanted, (error) => this.#endLoad(id, error));
    this.#loading.set(id, load);
    if (!this.#models.has(id)) this.setModel({ id, status: 'unloaded', on_disk: false });
    if (!running) this.#loads.add(load);
    if (new URL(request.url).searchParams.get('wait') === 'true') return load.wait(request.signal);
    return Response.json({ status: 'loading' }, { status: 202 });
  }

  #endLoad(id: string, error: ScriptedError | undefined): void {
    this.#loading.delete(id);
    if (error) return;
    const { generation = 0 } = this.#models.get(id) ?? {};
    this.setModel({ id, status: 'loaded', on_disk: true, generation: generation + 1 });
  }

  #listed(): ModelEntry[] {
    return [...this.#models.values()].map((model) => this.#entry(model));
  }

  #status(id: string): string {
    const model = this.#models.get(id);
    if (this.#loading.has(id)) return 'loading';
    return model === undefined ? 'unloaded' : toEntry(model).status;
  }

  #entry(model: FakeModel): ModelEntry {
    const progress = this.#loading.get(model.id)?.progress;
    const status = this.#status(model.id);
    const heldMib = status === 'sleeping' ? model.asleepMib : model.vram_used_mb;
    const vram_used_mb = status === 'unloaded' ? undefined : heldMib;
    return {
      ...toEntry(model),
      vram_used_mb,
      status,
      progress: progress ?? model.progress,
    };
  }

  #health(): NodeHealth {
    return {
      uptime_secs: 1,
      ready: true,
      draining: this.#isDraining,
      activation: { state: 'ready', pending: [], completed: [], failed: [] },
      devices: this.#memory.readings(this.#listed()),
      models: [...this.#models.values()]
        .filter(({ id }) => this.#status(id) === 'loaded')
        .map((model) => this.#loadOf(model)),
      harnesses: this.#options.harnesses ?? [{ name: 'llama', ok: true }],
    };
  }

  #loadOf({ id, load }: FakeModel): ModelLoad {
    const active = this.#active.get(id) ?? 0;
    const slots = load?.max_in_flight ?? 4;
    return {
      id,
      in_flight: Math.min(active, slots),
      queue_depth: Math.max(0, active - slots),
      max_in_flight: slots,
      max_queue_depth: 32,
      rejected: {},
      ...load,
    };
  }
}
