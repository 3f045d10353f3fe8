/** neuron and llama-server with the same model, each behind HTTP. */
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

import { treeCpuMs } from '../process-figures.ts';

export interface ServedLoad {
  readonly model: string;
  readonly threads: number;
  readonly slots: number;
  /** Per slot. */
  readonly contextTokens: number;
}

export interface Server extends Disposable {
  readonly url: string;
  /** The model's name in requests. */
  readonly model: string;
  readonly command: readonly string[];
  /** CPU time of the server and its children. */
  cpuMs(): number;
}

const START_TRIES = 300;
const START_PAUSE_MS = 200;

/** `llama-server` at its own defaults, except for threads, slots and context. */
export async function startLlamaServer(program: string, load: ServedLoad): Promise<Server> {
  const port = await freePort();
  const { model, threads, slots, contextTokens } = load;
  const options = {
    '-m': model,
    '-t': threads,
    '-np': slots,
    '-c': contextTokens * slots,
    '--host': '127.0.0.1',
    '--port': port,
  };
  const command = [program, ...Object.entries(options).flat().map(String)];
  return start(command, { port, model: basename(model), isReady: '/health' });
}

/** neuron with the model loaded, at its own defaults except for threads, slots and context. */
export async function startNeuron(load: ServedLoad): Promise<Server> {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'bench-neuron-'));
  symlinkSync(load.model, join(folder, 'bench.gguf'));
  const config = join(folder, 'neuron.toml');
  writeFileSync(
    config,
    [
      `listen = "127.0.0.1:${port}"`,
      `models_dir = "${folder}"`,
      `state_dir = "${join(folder, 'state')}"`,
      '[engine]',
      `threads = ${load.threads}`,
      '[[default_models]]',
      'model_id = "bench"',
      `slots = ${load.slots}`,
      `context_length = ${load.contextTokens}`,
    ].join('\n'),
  );
  const main = resolve(import.meta.dir, '../../packages/neuron/src/main.ts');
  const command = [process.execPath, main, 'serve', '-c', config];
  const server = await start(command, { port, model: 'bench', isReady: '/health' });
  return {
    ...server,
    [Symbol.dispose]() {
      server[Symbol.dispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function start(
  command: readonly string[],
  { port, model, isReady }: { port: number; model: string; isReady: string },
): Promise<Server> {
  // Children must not inherit the pipe of the benchmark's caller.
  const child = Bun.spawn([...command], {
    stdout: 'ignore',
    stderr: 'ignore',
    stdin: 'ignore',
    env: { ...process.env, CORTEX_PARENT_FD: undefined },
  });
  const url = `http://127.0.0.1:${port}`;
  for (let left = START_TRIES; ; left--) {
    if (await answersWell(`${url}${isReady}`)) break;
    if (left === 0 || child.exitCode !== null) {
      child.kill();
      throw new Error(`${command.join(' ')} did not get ready`);
    }
    await Bun.sleep(START_PAUSE_MS);
  }
  return {
    url,
    model,
    command,
    cpuMs: () => treeCpuMs(child.pid),
    [Symbol.dispose]: () => child.kill(),
  };
}

async function answersWell(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url);
    const body: unknown = await answer.json();
    const isReady =
      typeof body === 'object' && body !== null ? Reflect.get(body, 'ready') : undefined;
    return answer.ok && isReady !== false;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
