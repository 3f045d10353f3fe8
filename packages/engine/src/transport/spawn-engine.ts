import { CortexError } from '@cortex/protocol';

import type { EngineProcess } from '../engine/connection.ts';
import type { CloseOptions } from '../engine/engine.ts';
import { ENGINE_COMMAND, ENGINE_ENV_OF_RUNTIME } from '../engine-files.ts';
import { ENGINE_PROTOCOL, formatHello, type Hello, readHello } from '../protocol/index.ts';
import { EngineChild } from './engine-child.ts';
import { EngineClient } from './engine-client.ts';
import { LogLines } from './log-lines.ts';

export interface SpawnEngineOptions {
  /** Program and arguments. Absent: `ENGINE_COMMAND`. */
  readonly command?: readonly [string, ...string[]];
  /** Added to the environment of this process; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** From the spawn to the engine's `hello`. Default 30,000. */
  readonly startupTimeoutMs?: number;
  /**
   * Called as soon as the process exists, before its first message, so that the caller can record it and end
   * leftovers.
   */
  readonly onSpawn?: (pid: number) => void;
  /** Like `EngineProcess.onLog`, from the first line on. */
  readonly onLog?: (line: string) => void;
  /** Kills the process during its start. Later, `load` has its own signal and `close` ends it. */
  readonly signal?: AbortSignal;
}

const STARTUP_TIMEOUT_MS = 30_000;
const UNREAD_MS = 250;

/** How much longer than the grace period an engine may take to end: the current step, and freeing the model. */
const CLOSE_MARGIN_MS = 2_000;

/** The same when it also writes its slots to disk. */
const SAVE_MARGIN_MS = 30_000;

/** Variables of this process or of `env` take precedence. */
const ENGINE_ENV = {
  /** By default glibc keeps one arena per thread, which adds hundreds of MiB to a model. */
  MALLOC_ARENA_MAX: '2',
  /**
   * Weights and cells in huge pages where Linux gives them on request ("madvise", the usual setting): fewer TLB
   * misses made a step of a 135M model on a CPU 2 to 8 % shorter, for 5 to 10 MiB more memory.
   */
  GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1',
  /** Sampling runs in parallel on these threads, beside the decode. */
  UV_THREADPOOL_SIZE: '8',
} as const;

/**
 * Starts an engine process and shakes hands with it.
 *
 * @throws CortexError `model_load_failed` when it cannot be started or speaks another version of the protocol, and
 * `model_load_failed` transient when it ends, stays silent or violates the protocol; the message says which. When
 * `signal` aborts, its reason.
 */
export async function spawnEngine(options: SpawnEngineOptions = {}): Promise<EngineProcess> {
  const { signal, onSpawn, onLog, startupTimeoutMs = STARTUP_TIMEOUT_MS } = options;
  signal?.throwIfAborted();
  const log = new LogLines();
  if (onLog !== undefined) log.listen(onLog);
  const child = startChild(options, log);
  const onAbort = () => child.kill('its start was cancelled');
  signal?.addEventListener('abort', onAbort, { once: true });
  const tooLate = () => child.kill(`it did not say hello within ${startupTimeoutMs} ms`);
  let timer = setTimeout(() => {
    // Where this process was stopped meanwhile, a hello may have arrived that it has not read yet.
    timer = setTimeout(tooLate, UNREAD_MS);
  }, startupTimeoutMs);
  onSpawn?.(child.pid);
  try {
    return await shakeHands(child);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

function startChild({ command, env }: SpawnEngineOptions, log: LogLines): EngineChild {
  const program = command ?? ENGINE_COMMAND;
  try {
    return new EngineChild({
      command: program,
      env: { ...ENGINE_ENV, ...process.env, ...ENGINE_ENV_OF_RUNTIME, ...env },
      log,
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CortexError(
      'model_load_failed',
      `The engine program ${program[0]} cannot be started: ${why}`,
      { cause },
    );
  }
}

function shakeHands(child: EngineChild): Promise<EngineProcess> {
  return new Promise((resolve, reject) => {
    let engine: SpawnedEngine | undefined;
    let isOtherProtocol = false;
    const greet = (message: unknown) => {
      const reading = readHello(message);
      switch (reading.kind) {
        case 'ok':
          engine = new SpawnedEngine(reading.hello, child);
          return resolve(engine);
        case 'otherProtocol':
          isOtherProtocol = true;
          return child.kill(
            `it speaks engine protocol ${reading.protocol}, this side speaks ${ENGINE_PROTOCOL}`,
          );
        case 'notHello':
          return child.kill('it did not begin with hello');
      }
    };
    child.open({
      onMessage: (message) => (engine === undefined ? greet(message) : engine.receive(message)),
      onEnd: (cause) => {
        engine?.end(cause);
        const details = isOtherProtocol ? {} : { transient: true };
        reject(new CortexError('model_load_failed', `The engine did not start: ${cause}`, details));
      },
    });
    child.send(formatHello('cortex', ''));
  });
}

/** An `EngineClient` whose other end is a process. */
class SpawnedEngine extends EngineClient implements EngineProcess {
  readonly pid: number;
  readonly #child: EngineChild;

  constructor(hello: Hello, child: EngineChild) {
    super(hello, {
      send: (message) => child.send(message),
      note: (text) => child.log.add(text),
      abandon: (cause) => child.kill(cause),
    });
    this.pid = child.pid;
    this.#child = child;
  }

  get logTail(): readonly string[] {
    return this.#child.log.tail;
  }

  onLog(listener: (line: string) => void): void {
    this.#child.log.listen(listener);
  }

  kill(cause = 'it did not end by itself'): void {
    this.#child.kill(cause);
  }

  override async close(graceMs: number, options: CloseOptions = {}): Promise<void> {
    const marginMs = options.saveDir === undefined ? CLOSE_MARGIN_MS : SAVE_MARGIN_MS;
    const timer = setTimeout(
      () => this.#child.kill('it did not end within its grace after close'),
      graceMs + marginMs,
    );
    await super.close(graceMs, options);
    clearTimeout(timer);
  }
}
