/** A server that neuron starts with a command, for one model or for several. */
import { CortexError } from '@cortex/protocol';

import { aborted } from '../../aborted.ts';
import { Listeners } from '../../listeners.ts';
import { AnswerWatch } from '../../processes/answer-watch.ts';
import {
  isAnswering,
  type ServerOptions,
  type ServerProcess,
  startServer,
} from '../../processes/server-process.ts';
import {
  type ReadyProcess,
  SupervisedProcess,
  type SupervisionOptions,
} from '../../processes/supervised-process.ts';
import type { Server, ServerState } from './server.ts';
import type { Upstream } from './upstream.ts';

export interface CommandServerOptions extends SupervisionOptions, Omit<ServerOptions, 'signal'> {
  readonly harness: string;
  readonly wedgeMs: number;
}

interface RunningServer extends ReadyProcess {
  readonly process: ServerProcess;
  readonly upstream: Upstream;
  readonly watch: AnswerWatch;
  /** Aborted when the process has ended. */
  readonly lost: AbortController;
}

/** More than from SIGTERM to SIGKILL. */
const CLOSE_MS = 10_000;

export class CommandServer implements Server {
  readonly #options: CommandServerOptions;
  readonly #changes = new Listeners();
  #process: SupervisedProcess<RunningServer> | undefined;
  #starting: Promise<RunningServer> | undefined;
  #closeReason: CortexError | undefined;
  /** A start ends with `stop`. */
  readonly #never = new AbortController();
  /** Processes of earlier starts. */
  #earlier = 0;

  constructor(options: CommandServerOptions) {
    this.#options = options;
  }

  /** Id of the process that serves; it leads a process group. Undefined if none does. */
  get pid(): number | undefined {
    return this.#running?.process.pid;
  }

  get state(): ServerState {
    const state = this.#process?.state ?? { kind: 'closed' };
    switch (state.kind) {
      case 'running': {
        const { upstream, lost } = state.ready;
        const incarnation = this.#earlier + (this.#process?.incarnation ?? 0);
        return { kind: 'up', upstream, incarnation, lost: lost.signal };
      }
      case 'recovering': {
        const retryAfterS = this.#process?.retryAfterS ?? 1;
        const reason = `the server of ${this.#options.name} ended and is being restarted`;
        return { kind: 'recovering', reason, retryAfterS };
      }
      case 'failed':
        return state;
      case 'starting':
      case 'closed':
        return { kind: 'stopped' };
    }
  }

  get isAnswering(): boolean {
    return this.#running?.watch.isAnswering ?? false;
  }

  loss(): CortexError {
    if (this.#closeReason) return this.#closeReason;
    return new CortexError(
      'node_recovering',
      `The server of ${this.#options.name} ended during the request and is being restarted.`,
      { retryAfterS: this.#process?.retryAfterS ?? 1 },
    );
  }

  onChange(listener: () => void): void {
    this.#changes.add(listener);
  }

  async ensure(signal: AbortSignal): Promise<Upstream> {
    const { state } = this;
    if (state.kind === 'up') return state.upstream;
    if (state.kind === 'recovering') {
      throw new CortexError('model_load_failed', `${state.reason}.`, {
        transient: true,
        retryAfterS: state.retryAfterS,
      });
    }
    signal.throwIfAborted();
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    // One caller that leaves does not end the start for the others.
    const started = await Promise.race([this.#starting, aborted(signal)]);
    return started.upstream;
  }

  async stop(reason: CortexError): Promise<void> {
    const process = this.#process;
    if (!process) return;
    this.#closeReason = reason;
    this.#process = undefined;
    this.#earlier += process.incarnation;
    await process.close(reason, {
      ask: (running) => running.process.terminate(),
      limitMs: CLOSE_MS,
    });
  }

  async restart(signal: AbortSignal): Promise<void> {
    await this.stop(
      new CortexError('node_recovering', `The server of ${this.#options.name} is restarted.`, {
        retryAfterS: 5,
      }),
    );
    await this.ensure(signal);
  }

  get #running(): RunningServer | undefined {
    const state = this.#process?.state;
    return state?.kind === 'running' ? state.ready : undefined;
  }

  /** A failed process is replaced: a load is another try. */
  async #start(): Promise<RunningServer> {
    const { name } = this.#options;
    this.#earlier += this.#process?.incarnation ?? 0;
    this.#closeReason = undefined;
    const process = new SupervisedProcess<RunningServer>(
      {
        name,
        noun: 'server',
        start: (attempt) => this.#startProcess(attempt.signal),
        watch: ({ watch }) => watch.check(),
        tooSlow: (seconds) =>
          new CortexError(
            'model_load_failed',
            `The server of ${name} was not ready within ${seconds} s (engine.startup_timeout_s).`,
            { transient: true },
          ),
        onChange: () => this.#changes.call(),
      },
      this.#options,
    );
    this.#process = process;
    return process.start(() => undefined, this.#never.signal);
  }

  async #startProcess(signal: AbortSignal): Promise<RunningServer> {
    const { harness, headers, readyPath, clock, wedgeMs } = this.#options;
    const process = await startServer({ ...this.#options, signal });
    const lost = new AbortController();
    void process.ended.then(() => lost.abort(this.loss()));
    const question = { headers, signal: lost.signal };
    return {
      process,
      upstream: { harness, url: process.url, headers },
      watch: new AnswerWatch({
        ask: () => isAnswering(process.url + readyPath, question),
        clock,
        wedgeMs,
      }),
      lost,
      ended: process.ended,
      kill: (cause) => process.kill(cause),
    };
  }
}
