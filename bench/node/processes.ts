import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { z } from 'zod';

const START_LIMIT_MS = 15_000;
const ROOT = resolve(import.meta.dir, '../..');

const Ready = z.looseObject({ pid: z.int(), node: z.url() });
const Pauses = z.object({ reads: z.number(), longestMs: z.number() });

/** A server under measurement. */
export interface Server {
  readonly url: string;
  /** The process that serves. */
  readonly pid: number;
  readonly command: string;
}

/** A process that keeps streams running. */
export interface Streams extends AsyncDisposable {
  /** Reads, and the longest pause between two of them in ms, since the last call. */
  mark(): Promise<z.infer<typeof Pauses>>;
}

async function readReady(path: string): Promise<z.infer<typeof Ready>> {
  const endMs = performance.now() + START_LIMIT_MS;
  while (performance.now() < endMs) {
    try {
      return Ready.parse(JSON.parse(readFileSync(path, 'utf8')));
    } catch {
      // Not written yet.
      await Bun.sleep(20);
    }
  }
  throw new Error(`no server has written ${path}`);
}

/** The processes of a run. `folder` is theirs. */
export class Processes implements AsyncDisposable {
  readonly folder: string;
  readonly #children: Bun.Subprocess[] = [];

  constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** A neuron with cortex-tiny under two names, one thread for each. */
  async startNeuron(slowUs: number): Promise<Server> {
    const models = join(this.folder, 'models');
    mkdirSync(models);
    for (const name of ['one', 'two'])
      copyFileSync(join(ROOT, 'models/cortex-tiny.gguf'), join(models, `${name}.gguf`));
    const config = join(this.folder, 'neuron.toml');
    writeFileSync(
      config,
      'listen = "127.0.0.1:0"\nmodels_dir = "models"\nstate_dir = "state"\n[engine]\nthreads = 1\n',
    );
    const readyFile = join(this.folder, 'neuron.json');
    const command = [
      'packages/neuron/bin/neuron',
      'serve',
      '-c',
      config,
      '--ready-file',
      readyFile,
    ];
    const preload = resolve(import.meta.dir, '../slow-requests.ts');
    this.#spawn(command, {
      ...(slowUs > 0 && { BUN_OPTIONS: `--preload ${preload}`, SLOW_US: String(slowUs) }),
    });
    const { pid, node } = await readReady(readyFile);
    return { url: node, pid, command: command.join(' ') };
  }

  async startConstantServer(): Promise<Server> {
    const readyFile = join(this.folder, 'constant.json');
    const command = [process.execPath, 'bench/node/constant-server.ts', readyFile];
    this.#spawn(command);
    const { pid, node } = await readReady(readyFile);
    return { url: node, pid, command: command.join(' ') };
  }

  /** Resolves when the streams have begun. */
  async startStreams(job: { url: string; model: string; streams: number }): Promise<Streams> {
    const child = Bun.spawn(
      [process.execPath, 'bench/node/stream-client.ts', JSON.stringify(job)],
      { cwd: ROOT, stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' },
    );
    this.#children.push(child);
    const answers = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const mark = async (): Promise<z.infer<typeof Pauses>> => {
      void child.stdin.write('\n');
      await child.stdin.flush();
      const { value } = await answers.read();
      return Pauses.parse(JSON.parse(value ?? ''));
    };
    while ((await mark()).reads < job.streams) await Bun.sleep(50);
    return {
      mark,
      async [Symbol.asyncDispose]() {
        await child.stdin.end();
        await child.exited;
      },
    };
  }

  #spawn(command: string[], env: Record<string, string> = {}): void {
    this.#children.push(
      Bun.spawn(command, {
        cwd: ROOT,
        // They must not watch the pipe of our launcher.
        env: { ...process.env, CORTEX_PARENT_FD: undefined, ...env },
        stdin: 'ignore',
        stdout: 'ignore',
        stderr: Bun.file(join(this.folder, `${this.#children.length}.log`)),
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children.toReversed()) child.kill('SIGTERM');
    await Promise.all(this.#children.map(({ exited }) => exited));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
