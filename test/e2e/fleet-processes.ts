/** The daemons of a fleet on this machine, which can be killed and started again as the same node or gateway. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { stablePort } from './free-port.ts';
import { eventually } from './processes.ts';
import { CORTEX_BIN, NEURON_BIN, Program, ROOT, Workspace } from './start-up.ts';

const NodeReady = z.object({ pid: z.int(), node: z.url() });
const GatewayReady = z.object({ pid: z.int(), api: z.url(), metrics: z.url() });

/** One daemon: a program that writes a ready file, once per life. */
class Daemon implements AsyncDisposable {
  readonly workspace = new Workspace();
  #program: Program | undefined;
  #pastOutput = '';
  pid = 0;
  /** A run that is interrupted leaves no process, not even one that is stopped. */
  readonly #onExit = (): void => {
    this.#program?.child.kill('SIGKILL');
    this.workspace[Symbol.dispose]();
  };

  constructor() {
    process.on('exit', this.#onExit);
  }

  /** Output of all lives. */
  get output(): string {
    return this.#pastOutput + (this.#program?.output ?? '');
  }

  /** @returns the content of the ready file */
  protected async run(
    command: readonly string[],
    env: Record<string, string | undefined>,
  ): Promise<unknown> {
    const readyFile = this.workspace.path('ready.json');
    rmSync(readyFile, { force: true });
    this.#pastOutput = this.output;
    // As a program of a benchmark, it must not watch the pipe of our own launcher.
    const program = new Program([...command, '--ready-file', readyFile], {
      env: { CORTEX_PARENT_FD: undefined, ...env },
    });
    this.#program = program;
    const ended = program.ended.then((code) => {
      throw new Error(`${command.join(' ')} ended with ${code}:\n${program.output}`);
    });
    ended.catch(() => undefined);
    await Promise.race([ended, eventually(readyFile, () => existsSync(readyFile), 60_000)]);
    return JSON.parse(readFileSync(readyFile, 'utf8'));
  }

  /** Sends a signal to the daemon alone, not to its engines. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Resolves when the process has ended. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.#program?.ended;
  }

  /** Ends it as an operator does. @returns its exit code */
  async stop(): Promise<number> {
    const { child } = this.#program ?? {};
    if (child?.exitCode === null && child.signalCode === null) {
      // A process that is stopped would not end.
      child.kill('SIGCONT');
      child.kill('SIGTERM');
    }
    return (await this.#program?.ended) ?? 0;
  }

  async close(): Promise<void> {
    await this.stop();
    process.off('exit', this.#onExit);
    this.workspace[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

interface HostShape {
  readonly name: string;
  /** MiB of RAM for models. */
  readonly memoryMib: number;
}

/** A host with its neuron. */
export class Host extends Daemon {
  readonly name: string;
  #listen: string | undefined;
  url = '';

  constructor({ name, memoryMib }: HostShape, models: readonly string[]) {
    super();
    this.name = name;
    mkdirSync(this.workspace.path('models'));
    const tiny = join(ROOT, 'models/cortex-tiny.gguf');
    for (const id of models) copyFileSync(tiny, this.workspace.path(`models/${id}.gguf`));
    this.workspace.write(
      'neuron.toml',
      `models_dir = "models"\nstate_dir = "state"\n[devices]\ncpu_memory_mb = ${memoryMib}\n[engine]\nthreads = 1\n`,
    );
  }

  async start(): Promise<void> {
    this.#listen ??= `127.0.0.1:${await stablePort()}`;
    const config = this.workspace.path('neuron.toml');
    const ready = await this.run([NEURON_BIN, 'serve', '-c', config], {
      NEURON_LISTEN: this.#listen,
    });
    const { pid, node } = NodeReady.parse(ready);
    this.url = node;
    this.pid = pid;
  }
}

/** The gateway of a fleet. */
export class Gateway extends Daemon {
  readonly #config: string;
  readonly #toml: string;
  api = '';
  metrics = '';

  /** `toml` is the configuration without the addresses to listen on. */
  constructor(toml: string, modelsToml: string) {
    super();
    this.#toml = toml;
    this.#config = this.workspace.path('cortex.toml');
    this.workspace.write('models.toml', modelsToml);
  }

  async start(): Promise<void> {
    if (!existsSync(this.#config)) {
      const listen = `listen = "127.0.0.1:${await stablePort()}"\nmetrics_listen = "127.0.0.1:${await stablePort()}"\n`;
      this.workspace.write('cortex.toml', `[gateway]\n${listen}${this.#toml}`);
    }
    const ready = await this.run([CORTEX_BIN, 'serve', '-c', this.#config], {
      CORTEX_STATE_DIR: this.workspace.path('state'),
    });
    const { pid, api, metrics } = GatewayReady.parse(ready);
    this.pid = pid;
    this.api = api;
    this.metrics = metrics;
  }

  /** Of the admin API. */
  get keyFile(): string {
    return this.workspace.path('state/admin.key');
  }
}
