import type { EngineEvent, StepItem } from '../../engine/generate.ts';

/** Receiver of the events of a job. */
export interface JobEvents {
  /** The consumer is so far behind that the job has to pause. */
  readonly isFull: boolean;
  push(event: EngineEvent): void;
}

type Done = Extract<EngineEvent, { type: 'done' }>;

export interface JoinedEventsOptions {
  readonly events: JobEvents;
  /** Jobs that answer one request. */
  readonly jobs: number;
  /** Choices per job. */
  readonly choices: number;
  readonly arrivedMs: number;
  readonly nowMs: () => number;
  /** A job failed, and with it the request. */
  readonly onFailure: () => void;
}

/** Merges the events of several jobs into those of one request, with consecutive choice indexes and one end. */
export class JoinedEvents {
  readonly #options: JoinedEventsOptions;
  readonly #done = new Map<number, Done>();

  constructor(options: JoinedEventsOptions) {
    this.#options = options;
  }

  /** The receiver for the job at that index. */
  of(job: number): JobEvents {
    const { events, choices } = this.#options;
    const isFull = (): boolean => events.isFull;
    return {
      get isFull() {
        return isFull();
      },
      push: (event) => {
        if (event.type === 'items')
          events.push({ ...event, items: event.items.map((item) => shifted(item, job * choices)) });
        else if (event.type === 'done') this.#end(job, event);
        else if (event.type === 'error') {
          events.push(event);
          this.#options.onFailure();
        }
      },
    };
  }

  #end(job: number, event: Done): void {
    this.#done.set(job, event);
    if (this.#done.size === this.#options.jobs) this.#options.events.push(this.#joined());
  }

  #joined(): Done {
    const { jobs, arrivedMs, nowMs } = this.#options;
    const all = Array.from({ length: jobs }, (_, job) => this.#done.get(job)).filter(
      (done) => done !== undefined,
    );
    const sum = (of: (done: Done) => number): number => all.reduce((n, done) => n + of(done), 0);
    const first = all.toSorted((a, b) => firstTokenMs(a) - firstTokenMs(b))[0];
    const { queueMs, promptMs, firstTokenMs: tokenMs } = first?.timings ?? NO_TIMES;
    return {
      type: 'done',
      finish: all.flatMap(({ finish }) => finish),
      usage: {
        promptTokens: sum(({ usage }) => usage.promptTokens),
        completionTokens: sum(({ usage }) => usage.completionTokens),
        cachedTokens: sum(({ usage }) => usage.cachedTokens),
        reasoningTokens: sum(({ usage }) => usage.reasoningTokens),
      },
      timings: {
        queueMs,
        promptMs,
        firstTokenMs: tokenMs,
        // Measured from the first token, including the prompts of later jobs.
        decodeMs: Math.max(0, nowMs() - arrivedMs - queueMs - promptMs),
      },
    };
  }
}

const NO_TIMES: Done['timings'] = { queueMs: 0, promptMs: 0, decodeMs: 0 };

const firstTokenMs = ({ timings }: Done): number => timings.firstTokenMs ?? Infinity;

function shifted(item: StepItem, by: number): StepItem {
  const index = (item.index ?? 0) + by;
  return index === 0 ? item : { ...item, index };
}
