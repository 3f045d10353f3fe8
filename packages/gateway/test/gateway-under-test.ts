import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type Clock, createLogger } from '@cortex/service';
import { type FakeNeuron } from '@cortex/testkit';

import { loadGatewayConfig } from '../src/config/load-gateway-config.ts';
import { type RunningGateway, startGateway } from '../src/gateway.ts';

interface Setup {
  readonly neurons?: Readonly<Record<string, Pick<FakeNeuron, 'url'>>>;
  /** Additional text of cortex.toml, after `[gateway]` with its listeners and before `[[neurons]]`. */
  readonly toml?: string;
  /** Additional keys of `[gateway]`. */
  readonly gatewayToml?: string;
  /** Additional keys of every `[[neurons]]`. */
  readonly neuronToml?: string;
  readonly modelsToml?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `debug` when absent. */
  readonly logLevel?: string;
  /** Idle limit of client connections, in seconds. */
  readonly idleLimitS?: number;
  readonly clock?: Clock | undefined;
  /** False: does not wait for the first answer of every node. */
  readonly settled?: boolean;
}

type Json = Readonly<Record<string, unknown>>;

/** A gateway with a real configuration on real sockets; its log lines are read back as JSON. */
export class GatewayUnderTest {
  readonly lines: Json[] = [];
  readonly running: RunningGateway;
  readonly #folder: string;
  #onLine: (() => void) | undefined;

  private constructor(running: RunningGateway, folder: string) {
    this.running = running;
    this.#folder = folder;
  }

  static async start(setup: Setup): Promise<GatewayUnderTest> {
    const folder = mkdtempSync(join(tmpdir(), 'cortex-gateway-'));
    const lines: string[] = [];
    const created: { gateway?: GatewayUnderTest } = {};
    const take = (text: string): void => {
      lines.push(text);
      created.gateway?.takeLines(lines.splice(0));
    };
    try {
      const input = { file: writeConfig(folder, setup), env: setup.env ?? {} };
      const running = await startGateway({
        ...loadGatewayConfig(input),
        input,
        log: createLogger({
          name: 'cortex',
          level: setup.logLevel ?? 'debug',
          destination: { write: take },
        }),
        writeRecords: take,
        clock: setup.clock,
        idleLimitS: setup.idleLimitS,
      });
      const gateway = new GatewayUnderTest(running, folder);
      created.gateway = gateway;
      gateway.takeLines(lines.splice(0));
      if (setup.settled !== false)
        await gateway.untilKnown(({ pendingNodes }) => pendingNodes === 0);
      return gateway;
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  get url(): string {
    return this.running.apiUrl;
  }

  /** Request records so far, in order. */
  get records(): readonly Json[] {
    return this.lines.filter(({ msg }) => msg === 'request');
  }

  takeLines(texts: readonly string[]): void {
    for (const line of texts.join('').split('\n')) {
      if (line !== '') this.lines.push(toObject(JSON.parse(line)));
    }
    this.#onLine?.();
  }

  /** The `nth` request record, counted from 1; waits for it. */
  async record(nth = 1): Promise<Json> {
    for (;;) {
      const record = this.records[nth - 1];
      if (record !== undefined) return record;
      await this.#nextLines();
    }
  }

  #nextLines(): Promise<void> {
    return new Promise((resolve) => {
      this.#onLine = resolve;
    });
  }

  untilKnown(
    holds: (snapshot: ReturnType<RunningGateway['control']['snapshot']>) => boolean,
  ): Promise<void> {
    const { control } = this.running;
    return new Promise((resolve) => {
      if (holds(control.snapshot())) return resolve();
      const stop = control.subscribe((snapshot) => {
        if (!holds(snapshot)) return;
        stop();
        resolve();
      });
    });
  }

  chat(body: Json | string, init: RequestInit = {}): Promise<Response> {
    return this.post('/v1/chat/completions', body, init);
  }

  post(path: string, body: Json | string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
      headers: { 'content-type': 'application/json', ...toPlain(init.headers) },
      timeout: false,
    });
  }

  get(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, init);
  }

  /** A file of its configuration, such as `models.toml`. */
  file(name: string): string {
    return join(this.#folder, name);
  }

  /** The admin key that this gateway created at its start. */
  get adminKey(): string {
    return readFileSync(join(this.#folder, 'state', 'admin.key'), 'utf8').trim();
  }

  writeAdminKey(key: string): void {
    writeFileSync(join(this.#folder, 'state', 'admin.key'), key);
  }

  /** Waits for a line of the log. */
  async logged(message: string): Promise<void> {
    while (!this.lines.some(({ msg }) => msg === message)) await this.#nextLines();
  }

  /** Calls the admin API with the key: POST if there is a body, else GET. */
  admin(path: string, body?: Json | string): Promise<Response> {
    const headers = { authorization: `Bearer ${this.adminKey}` };
    return body === undefined
      ? this.get(`/admin/v1${path}`, { headers })
      : this.post(`/admin/v1${path}`, body, { headers });
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.running.metricsUrl}/metrics`)).text();
  }

  /** Leases of all nodes. */
  get inFlight(): number {
    const { control } = this.running;
    return [...control.snapshot().nodes.keys()].reduce(
      (sum, node) => sum + control.inFlight(node),
      0,
    );
  }

  async close(): Promise<void> {
    await this.running.close(0);
    rmSync(this.#folder, { recursive: true });
  }
}

const toPlain = (headers: RequestInit['headers']): Record<string, string> =>
  Object.fromEntries(new Headers(headers).entries());

export const toObject = (value: unknown): Json =>
  typeof value === 'object' && value !== null ? { ...value } : {};

function writeConfig(folder: string, setup: Setup): string {
  const file = join(folder, 'cortex.toml');
  const neurons = Object.entries(setup.neurons ?? {}).map(
    ([name, { url }]) =>
      `[[neurons]]\nname = "${name}"\nendpoint = "${url}"\n${setup.neuronToml ?? ''}\n`,
  );
  writeFileSync(
    file,
    [
      '[gateway]\nlisten = "127.0.0.1:0"\nmetrics_listen = "127.0.0.1:0"\nstate_dir = "state"',
      setup.gatewayToml ?? '',
      setup.toml ?? '',
      ...neurons,
    ].join('\n'),
  );
  if (setup.modelsToml !== undefined) writeFileSync(join(folder, 'models.toml'), setup.modelsToml);
  return file;
}

/** Events of a stream as text, as they arrive. */
export async function* readParts(response: Response): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  if (response.body === null) return;
  for await (const chunk of response.body) yield decoder.decode(chunk, { stream: true });
}

/** The last `data:` events of a text, parsed; `[DONE]` as text. */
export const dataOf = (text: string): readonly unknown[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6))
    .map((data): unknown => (data === '[DONE]' ? data : JSON.parse(data)));
