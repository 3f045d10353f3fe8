/** Machines that join a fleet, and the commands that an operator runs on them. */
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { z } from 'zod';

import { freePort } from './free-port.ts';
import { eventually } from './processes.ts';
import { CORTEX_BIN, NEURON_BIN, Program, ROOT, Workspace } from './start-up.ts';

const NodeReady = z.object({ node: z.url(), tls_fingerprint: z.string() });
const Token = z.object({ token: z.string(), command: z.string() });

type Env = Record<string, string>;

/** A machine with the demonstration model and a neuron.toml without any secret. */
interface Machine {
  readonly file: string;
  readonly workspace: Workspace;
}

/** Ends everything it has started, the last first. */
export class Machines implements AsyncDisposable {
  readonly #open: (() => Promise<void>)[] = [];

  /** Keeps `thing` until all of it ends. */
  keep<T extends AsyncDisposable>(thing: T): T {
    this.#open.push(async () => thing[Symbol.asyncDispose]());
    return thing;
  }

  createWorkspace(): Workspace {
    const workspace = new Workspace();
    this.#open.push(async () => workspace[Symbol.dispose]());
    return workspace;
  }

  start(command: readonly string[], env: Env = {}): Program {
    const program = new Program(command, { env: { NO_COLOR: '1', ...env } });
    this.#open.push(async () => {
      if (program.child.exitCode === null) program.child.kill('SIGTERM');
      await program.ended;
    });
    return program;
  }

  /** The output of a command. @throws Error with it when the command fails */
  async run(command: readonly string[], env: Env = {}): Promise<string> {
    const program = this.start(command, env);
    const code = await program.ended;
    if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${program.output}`);
    return program.output;
  }

  /** Starts a daemon and reads its ready file. */
  async serve<T>(command: readonly string[], file: string, ready: z.ZodType<T>): Promise<T> {
    const program = this.start([...command, '--ready-file', file]);
    const ended = program.ended.then((code) => {
      throw new Error(`${command.join(' ')} ended with ${code}:\n${program.output}`);
    });
    ended.catch(() => undefined);
    await Promise.race([ended, eventually(file, () => existsSync(file), 20_000)]);
    return ready.parse(JSON.parse(readFileSync(file, 'utf8')));
  }

  async createNode(): Promise<Machine> {
    const workspace = this.createWorkspace();
    mkdirSync(workspace.path('models'));
    copyFileSync(join(ROOT, 'models/cortex-tiny.gguf'), workspace.path('models/cortex-tiny.gguf'));
    const file = workspace.write(
      'neuron.toml',
      `listen = "0.0.0.0:${await freePort()}"\nmodels_dir = "models"\nstate_dir = "node-state"\n[engine]\nthreads = 1\n`,
    );
    return { file, workspace };
  }

  /** The arguments of the command that `cortex join-token` prints for a machine. */
  async joinArguments(api: string, env: Env): Promise<readonly string[]> {
    const printed = await this.run([CORTEX_BIN, 'join-token', '--json', '--url', api], env);
    const [, ...args] = Token.parse(JSON.parse(printed)).command.split(' ');
    return args;
  }

  /** `neuron join …` on a machine. */
  join(args: readonly string[], { file }: Machine, name: string): Program {
    return this.start([NEURON_BIN, ...args, '-c', file, '--name', name]);
  }

  /** `neuron serve` on a machine. */
  serveNode({ file, workspace }: Machine): Promise<z.infer<typeof NodeReady>> {
    return this.serve([NEURON_BIN, 'serve', '-c', file], workspace.path('node.json'), NodeReady);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#open.splice(0).toReversed()) await close();
  }
}
