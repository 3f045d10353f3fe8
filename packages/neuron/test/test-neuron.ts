/** A daemon for tests: real sockets on port 0, a models folder of its own, the real engine unless told otherwise. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { inProcessEngine } from '@cortex/engine';
import { ModelEntry, NodeHealth, NodeModels } from '@cortex/protocol';
import { createLogger } from '@cortex/service';
import { createScriptedEngine, type ScriptedEngineOptions } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { z } from 'zod';

import { loadNeuronConfig } from '../src/config.ts';
import type { GpuSources } from '../src/devices/gpu-sources.ts';
import type { StartEngine } from '../src/engines/start-engine.ts';
import { type NeuronParts, type RunningNeuron, startNeuron } from '../src/neuron.ts';

export const CORTEX_TINY = fileURLToPath(
  new URL('../../../models/cortex-tiny.gguf', import.meta.url),
);

/** An engine without a model, inside this process. */
export const scriptedEngine =
  (options: ScriptedEngineOptions = {}): StartEngine =>
  async () => {
    const connection = await inProcessEngine(createScriptedEngine(options));
    return { connection, kill: () => void connection.close(0) };
  };

/** A machine with one NVIDIA card of 8,192 MiB, all of them free. */
export const ONE_CARD: GpuSources = {
  runNvidiaSmi: async () => ({
    code: 0,
    stdout: '0, GPU-a, 8192, 0, 8192, 0, 40, 20, 550.90.07, 8.9, Card\n',
    stderr: '',
  }),
  readKernelModule: async () => '',
  listPciVendors: async () => [],
};

export interface TestFolder {
  readonly root: string;
  readonly modelsDir: string;
}

/** Fills a fresh folder: `models/` (cortex-tiny as `tiny.gguf`), with room for state. */
export function createTestFolder(root: string = temporaryFolder('neuron-test')): TestFolder {
  const modelsDir = join(root, 'models');
  mkdirSync(modelsDir);
  cpSync(CORTEX_TINY, join(modelsDir, 'tiny.gguf'));
  return { root, modelsDir };
}

const EngineRecord = z.object({ pid: z.int(), model_id: z.string() });

/** The engine processes that a daemon with this `state_dir` has written down. */
export function readEngineRecords(stateDir: string): z.infer<typeof EngineRecord>[] {
  const folder = join(stateDir, 'engines');
  return readdirSync(folder).flatMap((name) => {
    try {
      return [EngineRecord.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')))];
    } catch {
      // Being written, or forgotten since the folder was read.
      return [];
    }
  });
}

/** What a request of a test may set. */
interface Call {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

interface TestNeuronOptions {
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly parts?: NeuronParts;
  /** Absent: empty. */
  readonly env?: Readonly<Record<string, string>>;
  readonly prepare?: (modelsDir: string) => void;
  readonly readyFile?: string;
  /** That of an earlier daemon, which it follows; absent: a fresh one. */
  readonly folder?: TestFolder;
}

export class TestNeuron implements AsyncDisposable {
  readonly root: string;
  readonly modelsDir: string;
  readonly #neuron: RunningNeuron;

  private constructor(neuron: RunningNeuron, { root, modelsDir }: TestFolder) {
    this.#neuron = neuron;
    this.root = root;
    this.modelsDir = modelsDir;
  }

  static async start(options: TestNeuronOptions = {}): Promise<TestNeuron> {
    // Removed with the daemon, which may well be started in `beforeAll`.
    const folder = options.folder ?? createTestFolder(mkdtempSync(join(tmpdir(), 'neuron-test-')));
    try {
      return await TestNeuron.#startIn(folder, options);
    } catch (error) {
      rmSync(folder.root, { recursive: true, force: true });
      throw error;
    }
  }

  static async #startIn(folder: TestFolder, options: TestNeuronOptions): Promise<TestNeuron> {
    options.prepare?.(folder.modelsDir);
    const config = loadNeuronConfig({
      file: undefined,
      env: {},
      flags: {
        listen: '127.0.0.1:0',
        models_dir: folder.modelsDir,
        state_dir: join(folder.root, 'state'),
        'engine.threads': 1,
        ...options.flags,
      },
    });
    const neuron = await startNeuron({
      config,
      // The home of whoever runs the tests may hold a token of the hub.
      env: { HOME: folder.root, ...options.env },
      log: createLogger({ name: 'neuron', level: process.env['NEURON_LOG'] ?? 'fatal' }),
      readyFile: options.readyFile,
      // A scripted engine is one for its own test: what the probe is asked is answered by another.
      ...(options.parts && {
        parts: {
          ...(options.parts.startEngine && { startProbe: scriptedEngine() }),
          ...options.parts,
        },
      }),
    });
    return new TestNeuron(neuron, folder);
  }

  get url(): string {
    return this.#neuron.url;
  }

  get(path: string, init: Call = {}): Promise<Response> {
    return fetch(this.url + path, init);
  }

  post(path: string, body: unknown, init: Call = {}): Promise<Response> {
    return fetch(this.url + path, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
      headers: { 'content-type': 'application/json', ...init.headers },
    });
  }

  /** Loads `tiny`, waiting for it. */
  async load(fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const answer = await this.post('/models/load?wait=true', { model_id: 'tiny', ...fields });
    if (answer.status !== 200) throw new Error(`load: ${answer.status} ${await answer.text()}`);
  }

  chat(fields: Readonly<Record<string, unknown>> = {}, init: Call = {}): Promise<Response> {
    return this.post(
      '/v1/chat/completions',
      { model: 'tiny', messages: [{ role: 'user', content: 'What is cortex?' }], ...fields },
      init,
    );
  }

  async model(id = 'tiny'): Promise<ModelEntry> {
    const models = NodeModels.parse(await (await this.get('/models')).json());
    return ModelEntry.parse(models.find((entry) => entry.id === id));
  }

  async health(): Promise<NodeHealth> {
    return NodeHealth.parse(await (await this.get('/health')).json());
  }

  /** Requests of `tiny` that hold a seat. */
  async seatsTaken(): Promise<number> {
    const load = (await this.health()).models.find(({ id }) => id === 'tiny');
    return (load?.in_flight ?? 0) + (load?.queue_depth ?? 0);
  }

  reload(): void {
    this.#neuron.reload();
  }

  close(graceMs = 0): Promise<void> {
    return this.#neuron.close(graceMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Asks again and again until `isSo`; for what another process changes in its own time. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  limitMs = 10_000,
): Promise<void> {
  const endMs = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > endMs)
      throw new Error(`not so within ${limitMs} ms: ${isSo.toString()}`);
    await Bun.sleep(20);
  }
}

/** The text of a stream up to the first event that `contains` the text, and its reader. */
export async function readUntil(
  source: Response | ReadableStreamDefaultReader<Uint8Array>,
  text: string,
): Promise<{ readonly reader: ReadableStreamDefaultReader<Uint8Array>; readonly seen: string }> {
  const reader = source instanceof Response ? source.body?.getReader() : source;
  if (!reader) throw new Error('no body');
  const decoder = new TextDecoder();
  let seen = '';
  while (!seen.includes(text)) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the stream ended before ${text}: ${seen}`);
    seen += decoder.decode(value, { stream: true });
  }
  return { reader, seen };
}

/** The error that a promise rejects with; one that does not is an error itself. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
  throw new Error('did not fail');
}
