import { parseNodeEvent, readNumberedEvents } from '@cortex/protocol';

import { type Host } from '../../test/e2e/fleet-processes.ts';
import { isRunning, modelEngines } from '../../test/e2e/processes.ts';

/** Pause between two looks at the engine processes. */
const LOOK_MS = 400;

export interface WatchedHost {
  readonly host: Host;
  /** Models that fit at a time. */
  readonly places: number;
}

/**
 * Watches the nodes themselves, past the disturbed network: their events and their engine processes.
 *
 * It reports a model that was unloaded while it was busy, a model with two engines on one node, and more engines than
 * fit there.
 */
export class Witness {
  readonly violations: string[] = [];
  /** Loads that began, by model. */
  readonly loads = new Map<string, number>();
  unloads = 0;
  readonly #hosts: readonly WatchedHost[];
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[] = [];

  constructor(hosts: readonly WatchedHost[]) {
    this.#hosts = hosts;
    for (const { host } of hosts) this.follow(host);
    this.#running.push(this.#lookAtEngines());
  }

  get loadCount(): number {
    return [...this.loads.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Follows the events of a host until it ends. Call it after each start of the host. */
  follow(host: Host): void {
    const { name, url, pid } = host;
    const end = async (): Promise<void> => {
      const why = await this.#read(name, url).then(
        () => 'they ended',
        (error: unknown) => String(error),
      );
      // Its end is seen a moment before that of its process.
      await Bun.sleep(LOOK_MS);
      if (!this.#stop.signal.aborted && isRunning(pid))
        this.violations.push(`${name}: its events are not followed any more: ${why}`);
    };
    this.#running.push(end());
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running);
  }

  async #read(name: string, url: string): Promise<void> {
    const { status, body } = await fetch(`${url}/events`, { signal: this.#stop.signal });
    if (status !== 200 || body === null) throw new Error(`status ${status}`);
    const states = new Map<string, string>();
    for await (const events of readNumberedEvents(body, parseNodeEvent)) {
      for (const event of events) this.#take(name, event, states);
    }
  }

  #take(name: string, event: ReturnType<typeof parseNodeEvent>, states: Map<string, string>): void {
    if (event.kind !== 'model') return;
    const { model, load } = event;
    const { id, status } = model;
    if (states.get(id) === status) return;
    states.set(id, status);
    if (status === 'loading') this.loads.set(id, (this.loads.get(id) ?? 0) + 1);
    if (status === 'unloading') this.unloads += 1;
    const requests = (load?.in_flight ?? 0) + (load?.queue_depth ?? 0);
    if (status === 'draining' && requests > 0)
      this.violations.push(`${name} was told to unload ${id}, which had ${requests} requests`);
  }

  async #lookAtEngines(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const watched of this.#hosts) {
        // One scan is not of one moment: an engine may have ended before another one began.
        const wrong = enginesWrong(watched) && enginesWrong(watched);
        if (wrong !== undefined) this.violations.push(wrong);
      }
      await Bun.sleep(LOOK_MS);
    }
  }
}

/** What is wrong with the engine processes of a host; undefined: nothing. */
function enginesWrong({ host, places }: WatchedHost): string | undefined {
  const engines = modelEngines(host.pid);
  const isTwice = new Set(engines.map(({ model }) => model)).size < engines.length;
  if (!isTwice && engines.length <= places) return undefined;
  const found = engines.map(({ model, pid, parentPid }) => `${model} (${pid} of ${parentPid})`);
  return `${host.name} (${host.pid}) has room for ${places} models and the engines ${found.join(', ')}`;
}
