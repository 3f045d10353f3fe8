import { type ReportedEvent, type NodeSnapshot } from '@cortex/fleet';
import { type NodeEvent, stateTraits } from '@cortex/protocol';

import type { CalledNode } from '../nodes/node-call.ts';
import { followEvents } from '../nodes/node-event-stream.ts';
import { acceptModels } from './accept-models.ts';
import type { ControlLog } from './control.ts';

/** A stream that ends sooner was refused rather than lost: the next regular poll tries again. */
const SHORT_LIFE_MS = 1000;
/** A node without events is asked again when its version changes, or after this time. */
const ASK_AGAIN_MS = 600_000;

interface NodeEventsDeps {
  readonly called: CalledNode;
  readonly log: ControlLog;
  readonly apply: (event: ReportedEvent) => void;
  readonly node: () => NodeSnapshot | undefined;
  /** Polls the node now. */
  readonly poll: () => void;
}

/**
 * Follows the events of one node while it answers polls, and applies them at once. Polls stay the truth: a stream
 * that is missing, broken or unknown to an older node only makes changes visible later.
 */
export class NodeEvents {
  readonly #deps: NodeEventsDeps;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #unsupported: { readonly version: string | undefined; readonly atMs: number } | undefined;

  constructor(deps: NodeEventsDeps) {
    this.#deps = deps;
  }

  /** Call it after every poll that was answered. */
  nodeAnswered(): void {
    if (this.#running || this.#stop.signal.aborted || this.#isUnsupported) return;
    this.#running = this.#follow().finally(() => {
      this.#running = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('events are no longer followed'));
    await this.#running;
  }

  get #isUnsupported(): boolean {
    const known = this.#unsupported;
    if (known === undefined) return false;
    const isOld = this.#deps.called.clock.nowMs() - known.atMs > ASK_AGAIN_MS;
    return !isOld && known.version === this.#deps.node()?.version;
  }

  async #follow(): Promise<void> {
    const { called, log, poll, node } = this.#deps;
    const { signal } = this.#stop;
    const beganMs = called.clock.nowMs();
    const end = await followEvents(called, { onEvent: (event) => this.#take(event), signal });
    if (signal.aborted) return;
    const endedMs = called.clock.nowMs();
    this.#unsupported =
      end.kind === 'unsupported' ? { version: node()?.version, atMs: endedMs } : undefined;
    if (end.kind === 'unsupported') return;
    log.debug({ node: called.name, reason: end.reason }, 'the stream of events has ended');
    // The node may be gone; a poll says so now.
    if (endedMs - beganMs >= SHORT_LIFE_MS) poll();
  }

  #take(event: NodeEvent): void {
    const { apply, called, poll } = this.#deps;
    const node = called.name;
    const atMs = called.clock.nowMs();
    switch (event.kind) {
      case 'snapshot':
        if (event.revision !== this.#deps.node()?.reportedRevision) poll();
        return;
      case 'model': {
        const [entry] = acceptModels([event.model]);
        if (!entry) return;
        // A report has what a request needs besides the event: the inference path of this load.
        if (this.#wouldBecomeReady(entry)) return poll();
        return apply({
          kind: 'model_changed',
          node,
          entry,
          load: event.load,
          revision: event.revision,
          atMs,
        });
      }
      case 'model_gone':
        return apply({ kind: 'model_gone', node, model: event.id, revision: event.revision, atMs });
      case 'devices':
        return apply({ kind: 'devices_changed', node, devices: event.devices, atMs });
      case 'draining':
        return apply({ kind: 'draining_changed', node, draining: event.draining, atMs });
    }
  }

  #wouldBecomeReady({ id, status }: { readonly id: string; readonly status: string }): boolean {
    const known = this.#deps.node()?.reported.get(id)?.status;
    return stateTraits(status).serves && (known === undefined || !stateTraits(known).serves);
  }
}
