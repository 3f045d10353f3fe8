import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { z } from 'zod';

import { daemonProcess, eventually, modelEngines } from './processes.ts';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A folder of `npm run build` whose programs are tested instead of the commands of the repository. */
const BUILT = process.env['CORTEX_TEST_PROGRAMS'];
export const CORTEX_BIN = BUILT ? join(BUILT, 'cortex') : join(ROOT, 'packages/cli/bin/cortex');
export const NEURON_BIN = BUILT
  ? join(BUILT, 'neuron/neuron')
  : join(ROOT, 'packages/neuron/bin/neuron');

/** Size of the load tests; 1 is full size. */
export const SCALE = Number(process.env['SCALE'] ?? 1 / 20);

const UpReady = z.object({ pid: z.int(), api: z.url(), node: z.url(), metrics: z.url() });

type Env = Record<string, string | undefined>;

/** A program under test with its output. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<number>;
  #output = '';

  constructor(command: readonly string[], options: { cwd?: string; env?: Env } = {}) {
    const [file = '', ...args] = command;
    this.child = spawn(file, args, {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A separate process group, as in a terminal.
      detached: true,
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
    });
  }

  get output(): string {
    return this.#output;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error('the program could not be started');
    return this.child.pid;
  }

  /** Ctrl-C in its terminal, which the whole process group receives. */
  interrupt(): void {
    process.kill(-this.pid, 'SIGINT');
  }

  /** Waits until the output contains `text`. */
  async printed(text: string | RegExp, timeoutMs = 15_000): Promise<string> {
    return eventually(
      `output with ${String(text)}, got:\n${this.#output}`,
      () =>
        (typeof text === 'string' ? this.#output.includes(text) : text.test(this.#output)) &&
        this.#output,
      timeoutMs,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\noutput so far:\n${this.#output}`, { cause: error });
    });
  }
}

export interface Files {
  readonly cortexToml?: string;
  readonly modelsToml?: string;
  readonly neuronToml?: string;
}

/** A folder for the state and the configuration files of one test. */
export class Workspace implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'cortex-e2e-'));
  readonly modelsDir = join(this.dir, 'state', 'models');

  constructor() {
    mkdirSync(this.modelsDir, { recursive: true });
  }

  write(name: string, content: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, content);
    return path;
  }

  path(name: string): string {
    return join(this.dir, name);
  }

  /** The state is in this folder, and every port is a free one. */
  get env(): Env {
    return {
      CORTEX_STATE_DIR: join(this.dir, 'state'),
      CORTEX_GATEWAY__LISTEN: '127.0.0.1:0',
      CORTEX_GATEWAY__METRICS_LISTEN: '127.0.0.1:0',
      NEURON_LISTEN: '127.0.0.1:0',
      NEURON_ENGINE__THREADS: '1',
      NO_COLOR: '1',
    };
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** A running `cortex up`. */
export interface Up extends AsyncDisposable {
  /** The process of `cortex up` itself, without a launcher that waits for it. */
  readonly pid: number;
  readonly api: string;
  readonly node: string;
  readonly metrics: string;
  readonly program: Program;
  readonly workspace: Workspace;
}

/** Arguments of `cortex up` for these files. */
function fileArguments(
  workspace: Workspace,
  { cortexToml, modelsToml, neuronToml }: Files,
): string[] {
  const args: string[] = [];
  if (cortexToml !== undefined) args.push('--config', workspace.write('cortex.toml', cortexToml));
  if (modelsToml !== undefined) args.push('--models', workspace.write('models.toml', modelsToml));
  if (neuronToml !== undefined) {
    args.push('--neuron-config', workspace.write('neuron.toml', neuronToml));
  }
  return args;
}

/** Starts the product as a user does, and waits for the banner. */
export async function startUp(
  options: Files & {
    readonly env?: Env;
    /** Command instead of the bin, such as `['npm', 'start', '--']`. */
    readonly command?: readonly string[];
    readonly args?: readonly string[];
    readonly workspace?: Workspace;
  } = {},
): Promise<Up> {
  const workspace = options.workspace ?? new Workspace();
  const readyFile = workspace.path('up.json');
  const program = new Program(
    [
      ...(options.command ?? [CORTEX_BIN, 'up']),
      '--ready-file',
      readyFile,
      ...fileArguments(workspace, options),
      ...(options.args ?? []),
    ],
    { env: { ...workspace.env, ...options.env } },
  );
  const endEarly = program.ended.then((code) => {
    throw new Error(`the program ended with exit code ${code}:\n${program.output}`);
  });
  endEarly.catch(() => undefined);
  try {
    await Promise.race([
      eventually('the ready file', () => existsSync(readyFile), 20_000),
      endEarly,
    ]);
    await Promise.race([program.printed('Next: '), endEarly]);
  } catch (error) {
    program.child.kill('SIGKILL');
    throw new Error(`cortex up did not start:\n${program.output}`, { cause: error });
  }
  const { pid, api, node, metrics } = UpReady.parse(JSON.parse(readFileSync(readyFile, 'utf8')));
  return {
    pid,
    api,
    node,
    metrics,
    program,
    workspace,
    async [Symbol.asyncDispose]() {
      if (program.child.exitCode === null && program.child.signalCode === null) {
        program.child.kill('SIGTERM');
      }
      await program.ended;
      workspace[Symbol.dispose]();
    },
  };
}

/** A call of the admin API with the key that the gateway created at its start. */
export const adminGet = (up: Up, path: string): Promise<Response> => {
  const key = readFileSync(up.workspace.path('state/admin.key'), 'utf8').trim();
  return fetch(`${up.api}/admin/v1${path}`, { headers: { authorization: `Bearer ${key}` } });
};

/** The engine processes of a `cortex up` that have a model. */
export const engineProcesses = (up: Up) => modelEngines(up.program.pid);

/** The neuron daemon of a `cortex up`: the only process that runs the program of neuron. */
export const neuronProcess = (up: Up) => daemonProcess(up.program.pid, 'neuron');
