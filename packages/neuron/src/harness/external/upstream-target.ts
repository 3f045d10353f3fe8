/** One request and the server that it goes to. */
import type { CortexError } from '@cortex/protocol';

import type { HarnessRequest, SeatedRoute } from '../harness.ts';
import type { PulseGroup } from '../pulse.ts';
import type { TakenFields } from './chat-body/taken-fields.ts';
import type { ServerKindName } from './server-kinds.ts';
import type { SlotQueue } from './slot-queue.ts';
import type { Upstream } from './upstream.ts';

/** The model of a request on its server. */
export interface UpstreamTarget {
  readonly upstream: Upstream;
  readonly kind: ServerKindName;
  readonly modelId: string;
  /** The name that the server knows the model by. */
  readonly upstreamModel: string;
  /** Defaults of request fields from the load call. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly contextTokens: number | undefined;
  readonly slots: SlotQueue;
  readonly takenFields: TakenFields;
  /** Aborts when the server has ended, with the error for its requests as reason. */
  readonly lost: AbortSignal;
  /** Whether the server has answered lately. */
  readonly isAnswering: () => boolean;
  /** The error for a request whose connection broke. */
  readonly loss: () => CortexError;
}

export interface UpstreamServing {
  readonly route: SeatedRoute;
  readonly target: UpstreamTarget;
  readonly request: HarnessRequest;
  readonly pulses: PulseGroup;
  /** Aborted when the client disconnects, or by admission with a `CortexError` as reason. */
  readonly signal: AbortSignal;
}
