/** A process that answers questions about models that are not loaded. */
import type { EngineConnection, EngineLoadSpec } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { AwakeClock } from '../awake-clock.ts';
import type { DeviceEnv } from '../devices/device.ts';
import type { Every } from '../every.ts';
import type { StartedEngine, StartEngine } from '../engines/start-engine.ts';

/** The model id of its process in records and logs. */
export const PROBE_ID = 'probe';

const IDLE_MS = 60_000;
/** Limit for reading the header and the vocabulary of a file from a slow disk. */
const VOCABULARY_LIMIT_MS = 120_000;
/** A process that blocks in a driver does not end when it is killed. After this time its end is not awaited. */
const END_LIMIT_MS = 5000;

export interface ProbeProcessOptions {
  readonly start: StartEngine;
  readonly every: Every;
  readonly clock: Pick<AwakeClock, 'nowMs' | 'elapsedMs'>;
  readonly onLog: (line: string) => void;
  /**
   * Called when a process that sees GPUs starts and takes GPU memory; the returned function is called when it has
   * ended.
   */
  readonly onGpu?: (() => () => void) | undefined;
}

/** Limits of an answer, without the start of the process and reading the file. */
export interface AnswerLimit {
  /** Limit in time in which this daemon ran. */
  readonly ms: number;
  /** Limit of CPU time; a process that exceeds it counts as endless. Absent: no limit. */
  readonly workMs?: number | undefined;
}

/** Requirements of a question on the process. */
export interface ProbeNeed {
  /** The devices that it sees. */
  readonly env: DeviceEnv;
  /** Whether it opens a GPU, which takes GPU memory. */
  readonly opensGpu: boolean;
  /** The model whose vocabulary must be loaded; absent if none is needed. */
  readonly vocabulary?: { readonly spec: EngineLoadSpec; readonly fingerprint: string };
}

/** Outcome of a question. Errors from the engine are thrown. */
export type ProbeOutcome<T> =
  | { readonly kind: 'answered'; readonly value: T }
  /** It exceeded the CPU time of any valid answer and was killed. */
  | { readonly kind: 'endless' }
  /** It did not answer in time and was killed. The machine may be busy. */
  | { readonly kind: 'late' }
  | { readonly kind: 'ended'; readonly cause: string };

type NoAnswer = Extract<ProbeOutcome<never>, { kind: 'endless' | 'late' }>;

interface Running {
  readonly started: StartedEngine;
  readonly need: Pick<ProbeNeed, 'env' | 'opensGpu'>;
  /** Fingerprint of the file whose vocabulary is loaded. An engine loads once. */
  readonly vocabulary: string | undefined;
}

/** May change while it is awaited. */
interface Deadline {
  limit: AnswerLimit;
  sinceMs: number;
  /** CPU time of the process when the question began. */
  cpuFromMs: number | undefined;
}

/** Error of calls whose engine ended during the call. */
const LOSS_CODES: ReadonlySet<string> = new Set(['node_recovering', 'shutting_down']);

/**
 * One engine process without weights. The first question starts it; it answers one question at a time; it ends
 * after 60 s without a question, or at once if it sees a GPU, because its driver context takes memory that a load
 * may need.
 */
export class ProbeProcess {
  readonly #options: ProbeProcessOptions;
  readonly #closing = new AbortController();
  #turns: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #running: Running | undefined;
  #usedMs = 0;
  #stopIdling: (() => void) | undefined;

  constructor(options: ProbeProcessOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Asks once the questions before it are answered.
   *
   * @param limit - Also applies to the work after reading a vocabulary, such as preparing the template.
   * @throws CortexError the error of the engine; `model_load_failed` if it cannot start or read the vocabulary
   */
  ask<T>(
    need: ProbeNeed,
    limit: AnswerLimit,
    work: (engine: EngineConnection) => Promise<T>,
  ): Promise<ProbeOutcome<T>> {
    this.#waiting += 1;
    const turn = this.#turns.then(() => this.#turn(need, limit, work));
    this.#turns = turn.then(
      () => this.#afterTurn(),
      () => this.#afterTurn(),
    );
    return turn;
  }

  /** Ends it for good; waiting questions are refused. Resolves when no process is left. */
  async close(): Promise<void> {
    this.#closing.abort(closing());
    const ended = this.#running?.started.connection.ended;
    this.#kill();
    await this.#turns;
    await within(END_LIMIT_MS, ended);
  }

  async #turn<T>(
    need: ProbeNeed,
    limit: AnswerLimit,
    work: (engine: EngineConnection) => Promise<T>,
  ): Promise<ProbeOutcome<T>> {
    const running = await this.#processFor(need, limit);
    if ('kind' in running) return running;
    return this.#within(this.#deadline(limit), work(running.started.connection));
  }

  async #afterTurn(): Promise<void> {
    this.#waiting -= 1;
    this.#usedMs = this.#options.clock.nowMs();
    if (this.#waiting === 0 && this.#running && this.#running.need.opensGpu) {
      await this.#end();
    }
  }

  async #processFor(
    { env, opensGpu, vocabulary }: ProbeNeed,
    limit: AnswerLimit,
  ): Promise<Running | NoAnswer> {
    this.#closing.signal.throwIfAborted();
    const running = this.#running;
    const fits =
      running?.need.opensGpu === opensGpu &&
      Bun.deepEquals(running.need.env, env) &&
      (vocabulary === undefined ||
        running.vocabulary === undefined ||
        running.vocabulary === vocabulary.fingerprint);
    if (running && !fits) await this.#end();
    const process = this.#running ?? (await this.#start({ env, opensGpu }));
    if (!vocabulary || process.vocabulary === vocabulary.fingerprint) return process;
    const failure = await this.#readVocabulary(process, vocabulary.spec, limit);
    if (failure) return failure;
    return (this.#running = { ...process, vocabulary: vocabulary.fingerprint });
  }

  async #start(need: Running['need']): Promise<Running> {
    const { start, onLog, every } = this.#options;
    const signal = this.#closing.signal;
    const started = await start({ modelId: PROBE_ID, env: need.env, onLog, signal });
    const running: Running = { started, need, vocabulary: undefined };
    this.#running = running;
    this.#stopIdling = every(1000, () => this.#endIdle());
    const hasLeft = need.opensGpu ? this.#options.onGpu?.() : undefined;
    void started.connection.ended.then(() => {
      hasLeft?.();
      this.#forget(started);
    });
    return running;
  }

  async #readVocabulary(
    { started }: Running,
    spec: EngineLoadSpec,
    limit: AnswerLimit,
  ): Promise<NoAnswer | undefined> {
    const deadline = this.#deadline({ ms: VOCABULARY_LIMIT_MS });
    let isRead = false;
    let outcome: ProbeOutcome<unknown>;
    try {
      const vocabularyOnly = { ...spec, backend: 'cpu', gpuLayers: 0, vocabOnly: true } as const;
      const load = started.connection.load(
        vocabularyOnly,
        ({ phase }) => {
          if (phase !== 'ready' || isRead) return;
          isRead = true;
          Object.assign(deadline, this.#deadline(limit));
        },
        this.#closing.signal,
      );
      outcome = await this.#within(deadline, load);
    } catch (error) {
      // It has already used its only load.
      await this.#end();
      throw error;
    }
    if (outcome.kind === 'answered') return undefined;
    if (outcome.kind !== 'ended' && isRead) return outcome;
    const cause =
      outcome.kind === 'ended'
        ? `the engine ended while it read the file: ${outcome.cause}`
        : `the vocabulary was not read within ${VOCABULARY_LIMIT_MS / 1000} s. The disk may be slow or offline. Try again.`;
    throw new CortexError('model_load_failed', `Cannot load ${spec.modelPath}: ${cause}`, {
      transient: true,
    });
  }

  #deadline(limit: AnswerLimit): Deadline {
    const cpuFromMs = this.#running?.started.cpuMs?.();
    return { limit, sinceMs: this.#options.clock.nowMs(), cpuFromMs };
  }

  /** The outcome of a deadline now; undefined if it has not passed. */
  #judge({ limit, sinceMs, cpuFromMs }: Deadline): NoAnswer | undefined {
    const cpuMs = this.#running?.started.cpuMs?.();
    const workedMs = cpuMs === undefined || cpuFromMs === undefined ? undefined : cpuMs - cpuFromMs;
    if (workedMs !== undefined && workedMs >= (limit.workMs ?? Infinity))
      return { kind: 'endless' };
    if (this.#options.clock.elapsedMs(sinceMs) < limit.ms) return undefined;
    // Without CPU times from the system, a long wait counts as endless.
    const isWork = limit.workMs !== undefined && workedMs === undefined;
    return { kind: isWork ? 'endless' : 'late' };
  }

  async #within<T>(deadline: Deadline, answer: Promise<T>): Promise<ProbeOutcome<T>> {
    const { every } = this.#options;
    const { connection } = this.#running?.started ?? {};
    const { signal } = this.#closing;
    const late = Promise.withResolvers<ProbeOutcome<T>>();
    const onClose = (): void => late.reject(signal.reason);
    signal.addEventListener('abort', onClose, { once: true });
    const stop = every(250, () => {
      const verdict = this.#judge(deadline);
      if (verdict) late.resolve(verdict);
    });
    try {
      const outcome = await Promise.race([
        answer.then((value): ProbeOutcome<T> => ({ kind: 'answered', value })),
        late.promise,
      ]);
      if (outcome.kind === 'endless' || outcome.kind === 'late') this.#kill();
      return outcome;
    } catch (error) {
      signal.throwIfAborted();
      const isLoss = error instanceof CortexError && LOSS_CODES.has(error.code);
      if (!isLoss || !connection) throw error;
      return { kind: 'ended', cause: await connection.ended };
    } finally {
      stop();
      signal.removeEventListener('abort', onClose);
    }
  }

  #endIdle(): void {
    if (this.#waiting > 0 || this.#options.clock.nowMs() - this.#usedMs < IDLE_MS) return;
    this.#turns = this.#turns.then(() => (this.#waiting > 0 ? undefined : this.#end()));
  }

  async #end(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#forget(running.started);
    const { started } = running;
    await within(
      END_LIMIT_MS,
      started.connection.close(0).catch(() => started.kill()),
    );
  }

  #kill(): void {
    const running = this.#running;
    if (!running) return;
    this.#forget(running.started);
    running.started.kill();
  }

  #forget(started: StartedEngine): void {
    if (this.#running?.started !== started) return;
    this.#running = undefined;
    this.#stopIdling?.();
  }
}

/** Waits for an end, but not for longer than `ms`. */
async function within(ms: number, end: Promise<unknown> | undefined): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, ms);
  await Promise.race([end, limit.promise]);
  clearTimeout(timer);
}

const closing = (): CortexError =>
  new CortexError('shutting_down', 'This node is shutting down.', { retryAfterS: 15 });
