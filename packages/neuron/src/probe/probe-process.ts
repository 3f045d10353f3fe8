/** The one process that answers questions about models that are not loaded (architecture, processes). */
import type { EngineConnection, EngineLoadSpec } from '@cortex/engine';
import { CortexError } from '@cortex/protocol';

import type { Every } from '../every.ts';
import type { StartedEngine, StartEngine } from '../harness/llama/start-engine.ts';

/** The name under which its process is written down and logged. */
export const PROBE_ID = 'probe';

const IDLE_MS = 60_000;
/** Reading the header of a file that is on a slow disk, with its vocabulary. */
const VOCABULARY_LIMIT_MS = 60_000;

export interface ProbeProcessOptions {
  readonly start: StartEngine;
  readonly every: Every;
  /** Monotonic. */
  readonly nowMs: () => number;
  readonly onLog: (line: string) => void;
}

/** What the process must be like to answer a question. */
export interface ProbeNeed {
  /** GPUs that it sees; empty hides them all. */
  readonly visibleDevices: string;
  /** The model whose vocabulary it must hold; absent: none is needed. */
  readonly vocabulary?: { readonly spec: EngineLoadSpec; readonly fingerprint: string };
}

/** What became of a question. Errors that the engine itself answers with are thrown. */
export type ProbeOutcome<T> =
  | { readonly kind: 'answered'; readonly value: T }
  /** It did not answer in time and was killed. */
  | { readonly kind: 'hung' }
  | { readonly kind: 'ended'; readonly cause: string };

interface Running {
  readonly started: StartedEngine;
  readonly visibleDevices: string;
  /** Fingerprint of the file whose vocabulary it holds. An engine loads once. */
  readonly vocabulary: string | undefined;
}

/** Monotonic; may be moved while it is waited for. */
interface Deadline {
  dueMs: number;
}

/** What calls reject with when the engine ends under them. */
const LOSS_CODES: ReadonlySet<string> = new Set(['node_recovering', 'shutting_down']);

/**
 * One engine process without weights: started for the first question, asked one thing at a time, ended after 60 s
 * without a question, and at once where it sees a GPU: its driver context takes memory that a load may want.
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
   * Asks when it is this question's turn.
   *
   * @param limitMs - How long the answer may take, the start of the process and reading the file not counted. What an
   *   engine does with a vocabulary that it has read, its template in the first place, has to be done within it too.
   * @throws CortexError what the engine answered; `model_load_failed` when it cannot start or not read the vocabulary
   */
  ask<T>(
    need: ProbeNeed,
    limitMs: number,
    work: (engine: EngineConnection) => Promise<T>,
  ): Promise<ProbeOutcome<T>> {
    this.#waiting += 1;
    const turn = this.#turns.then(() => this.#turn(need, limitMs, work));
    this.#turns = turn.then(
      () => this.#afterTurn(),
      () => this.#afterTurn(),
    );
    return turn;
  }

  /** Ends it for good; questions that wait are refused. */
  async close(): Promise<void> {
    this.#closing.abort(closing());
    this.#kill();
    await this.#turns;
  }

  async #turn<T>(
    need: ProbeNeed,
    limitMs: number,
    work: (engine: EngineConnection) => Promise<T>,
  ): Promise<ProbeOutcome<T>> {
    const running = await this.#processFor(need, limitMs);
    if (running === 'hung') return { kind: 'hung' };
    return this.#within(this.#deadline(limitMs), work(running.started.connection));
  }

  async #afterTurn(): Promise<void> {
    this.#waiting -= 1;
    this.#usedMs = this.#options.nowMs();
    if (this.#waiting === 0 && this.#running && this.#running.visibleDevices !== '') {
      await this.#end();
    }
  }

  async #processFor(
    { visibleDevices, vocabulary }: ProbeNeed,
    limitMs: number,
  ): Promise<Running | 'hung'> {
    this.#closing.signal.throwIfAborted();
    const running = this.#running;
    const fits =
      running?.visibleDevices === visibleDevices &&
      (vocabulary === undefined ||
        running.vocabulary === undefined ||
        running.vocabulary === vocabulary.fingerprint);
    if (running && !fits) await this.#end();
    const process = this.#running ?? (await this.#start(visibleDevices));
    if (!vocabulary || process.vocabulary === vocabulary.fingerprint) return process;
    if ((await this.#readVocabulary(process, vocabulary.spec, limitMs)) === 'hung') return 'hung';
    return (this.#running = { ...process, vocabulary: vocabulary.fingerprint });
  }

  async #start(visibleDevices: string): Promise<Running> {
    const { start, onLog, every } = this.#options;
    const signal = this.#closing.signal;
    const started = await start({ modelId: PROBE_ID, visibleDevices, onLog, signal });
    const running: Running = { started, visibleDevices, vocabulary: undefined };
    this.#running = running;
    this.#stopIdling = every(1000, () => this.#endIdle());
    void started.connection.ended.then(() => this.#forget(started));
    return running;
  }

  async #readVocabulary(
    { started }: Running,
    spec: EngineLoadSpec,
    limitMs: number,
  ): Promise<'read' | 'hung'> {
    const deadline = this.#deadline(VOCABULARY_LIMIT_MS);
    let isRead = false;
    let outcome: ProbeOutcome<unknown>;
    try {
      const vocabularyOnly = { ...spec, backend: 'cpu', gpuLayers: 0, vocabOnly: true } as const;
      const load = started.connection.load(
        vocabularyOnly,
        ({ phase }) => {
          if (phase !== 'ready' || isRead) return;
          isRead = true;
          deadline.dueMs = this.#options.nowMs() + limitMs;
        },
        this.#closing.signal,
      );
      outcome = await this.#within(deadline, load);
    } catch (error) {
      // It has used up its one load.
      await this.#end();
      throw error;
    }
    if (outcome.kind === 'answered') return 'read';
    if (outcome.kind === 'hung' && isRead) return 'hung';
    const cause =
      outcome.kind === 'hung'
        ? `its vocabulary was not read within ${VOCABULARY_LIMIT_MS / 1000} s`
        : `the engine ended while it read it: ${outcome.cause}`;
    throw new CortexError('model_load_failed', `Cannot load ${spec.modelPath}: ${cause}`, {
      transient: true,
    });
  }

  #deadline(limitMs: number): Deadline {
    return { dueMs: this.#options.nowMs() + limitMs };
  }

  async #within<T>(deadline: Deadline, answer: Promise<T>): Promise<ProbeOutcome<T>> {
    const { nowMs, every } = this.#options;
    const { connection } = this.#running?.started ?? {};
    const { signal } = this.#closing;
    const late = Promise.withResolvers<ProbeOutcome<T>>();
    const onClose = (): void => late.reject(signal.reason);
    signal.addEventListener('abort', onClose, { once: true });
    const stop = every(250, () => {
      if (nowMs() >= deadline.dueMs) late.resolve({ kind: 'hung' });
    });
    try {
      const outcome = await Promise.race([
        answer.then((value): ProbeOutcome<T> => ({ kind: 'answered', value })),
        late.promise,
      ]);
      if (outcome.kind === 'hung') this.#kill();
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
    if (this.#waiting > 0 || this.#options.nowMs() - this.#usedMs < IDLE_MS) return;
    this.#turns = this.#turns.then(() => (this.#waiting > 0 ? undefined : this.#end()));
  }

  async #end(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#forget(running.started);
    await running.started.connection.close(0).catch(() => running.started.kill());
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

const closing = (): CortexError =>
  new CortexError('shutting_down', 'This node is shutting down.', { retryAfterS: 15 });
