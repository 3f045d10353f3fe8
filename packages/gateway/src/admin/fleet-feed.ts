import type { AdminViewOptions } from '@cortex/fleet';
import type { AdminEvent } from '@cortex/protocol';
import { type Clock, EventFeed } from '@cortex/service';

import type { Control } from '../control/control.ts';
import { FleetView } from './fleet-view.ts';

/** Interval at which the numbers of running and waiting requests are looked at, while anybody reads events. */
const COUNTS_MS = 1000;

interface FeedDeps {
  readonly control: Pick<Control, 'snapshot' | 'subscribe'>;
  readonly every: Clock['every'];
  readonly view: AdminViewOptions;
  /** Absent: the current time. */
  readonly firstRevision?: number | undefined;
}

/**
 * The changes of the fleet for `GET /admin/v1/events`. Changes of one turn of the event loop are collected; without
 * readers nothing is computed.
 */
export class FleetFeed {
  readonly #deps: FeedDeps;
  readonly #feed: EventFeed<AdminEvent>;
  /** What the readers have; of no use without readers. */
  #view: FleetView;
  #due: NodeJS.Immediate | undefined;

  constructor(deps: FeedDeps) {
    const { control, every, view } = deps;
    this.#deps = deps;
    this.#view = new FleetView(control.snapshot(), view);
    const stop = [
      control.subscribe(() => this.#changed()),
      every(COUNTS_MS, () => this.#publishCounts()),
    ];
    this.#feed = new EventFeed<AdminEvent>({
      snapshot: () => this.#current(),
      every,
      onClose: () => {
        for (const each of stop) each();
        if (this.#due) clearImmediate(this.#due);
      },
      firstRevision: deps.firstRevision,
    });
  }

  get isClosed(): boolean {
    return this.#feed.isClosed;
  }

  /** @see EventFeed.read */
  read(signal: AbortSignal, onDropped: () => void): AsyncGenerator<string, void> {
    return this.#feed.read(signal, onDropped);
  }

  close(): void {
    this.#feed.close();
  }

  #changed(): void {
    if (this.#feed.readerCount === 0) return;
    this.#due ??= setImmediate(() => {
      this.#due = undefined;
      this.#publishChanges();
    });
  }

  #publishChanges(): void {
    this.#feed.publishAll(this.#view.changes(this.#deps.control.snapshot()));
  }

  #publishCounts(): void {
    if (this.#feed.readerCount === 0) return;
    this.#publishChanges();
    this.#feed.publishAll(this.#view.countChanges());
  }

  /** The view for a new reader, up to date, also for the other readers. */
  #current(): FleetView['fleet'] {
    if (this.#feed.readerCount > 0) this.#publishCounts();
    else this.#view = new FleetView(this.#deps.control.snapshot(), this.#deps.view);
    return this.#view.fleet;
  }
}
