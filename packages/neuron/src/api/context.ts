import type { NodeEvent } from '@cortex/protocol';
import type { ClientConnection, EventFeed, ProcessMetrics } from '@cortex/service';
import type { Context } from 'hono';

import type { Admission } from '../admission/admission.ts';
import type { DeviceMonitor } from '../devices/device-monitor.ts';
import type { Yielding } from '../models/yielding.ts';
import type { MemoryLedger } from '../devices/memory-ledger.ts';
import type { HarnessRegistry } from '../harness/registry.ts';
import type { Activation } from '../models/activation.ts';
import type { ModelLogs } from '../models/model-logs.ts';
import type { Models } from '../models/models.ts';
import type { ModelStore } from '../store/model-store.ts';
import type { Drain } from '../drain.ts';
import type { RoomClaims } from '../room-claims.ts';
import type { Gate } from '../gate.ts';
import type { Access } from './access.ts';

/** Dependencies of the routes. */
export interface ApiDeps {
  readonly models: Models;
  readonly store: Pick<ModelStore, 'pull' | 'pulls' | 'remove'>;
  readonly harnesses: HarnessRegistry;
  readonly admission: Admission;
  readonly devices: DeviceMonitor;
  readonly yielding: Yielding;
  readonly ledger: Pick<MemoryLedger, 'cpu' | 'foreignMib' | 'reservedMib' | 'usedMib'>;
  readonly activation: Activation;
  readonly logs: ModelLogs;
  readonly processMetrics: ProcessMetrics;
  readonly access: Access;
  readonly gate: Gate;
  readonly drain: Drain;
  readonly claims: RoomClaims;
  readonly events: EventFeed<NodeEvent>;
  /** Base URL of this daemon's listener. */
  readonly ownUrl: () => string;
  readonly maxBodyBytes: number;
  /** Idle limit of client connections, in seconds; absent: `IDLE_LIMIT_S`. */
  readonly idleLimitS?: number | undefined;
  /** Start of the daemon, monotonic. */
  readonly startedAtMs: number;
}

export interface ApiEnv {
  readonly Bindings: { readonly server: Bun.Server<undefined> };
  readonly Variables: { requestId: string; connection: ClientConnection };
}

export type ApiContext = Context<ApiEnv>;
