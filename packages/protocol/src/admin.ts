/** The shapes of `/admin/v1` (contracts, section 1). */
import { z } from 'zod';

import { DrainAnswer, DrainRequest, ModelEntry } from './neuron.ts';

/** Requests avoid a node, or one of its models, because others failed there. */
export const AdminAvoidance = z.looseObject({
  /** Absent: all models of the node. */
  model: z.string().optional(),
  /** Seconds since it began. */
  ago_s: z.number(),
  /** Seconds until one request tries it again; 0: the next one does, or one is trying. */
  remaining_s: z.number(),
  /** Requests that failed in a row. */
  failures: z.int(),
  /** Error code of the last one. */
  code: z.string(),
  /** The same in a sentence. */
  text: z.string(),
});
export type AdminAvoidance = z.infer<typeof AdminAvoidance>;

export const AdminNode = z.looseObject({
  name: z.string(),
  endpoint: z.string(),
  state: z.enum(['unknown', 'up', 'down']),
  /** Of a host that can be woken and is not up; `overslept`: it was woken and did not come up in its time. */
  sleep: z.enum(['asleep', 'waking', 'overslept']).optional(),
  draining: z.boolean(),
  /** Seconds until the drain ends by itself; absent: it does not. */
  drain_remaining_s: z.number().optional(),
  /** Why the node is not up; absent when it is. */
  error: z.string().optional(),
  avoided: z.array(AdminAvoidance).optional(),
  misses: z.int(),
  version: z.string().optional(),
  hostname: z.string().optional(),
  cpu: z.looseObject({ model: z.string(), cores: z.int() }).optional(),
  ram_total_mb: z.number().optional(),
  devices: z.array(
    z.looseObject({
      index: z.int(),
      name: z.string(),
      kind: z.string(),
      vram_total_mb: z.number(),
      vram_used_mb: z.number().optional(),
      yielding: z.boolean().optional(),
    }),
  ),
  gpu_unavailable_reason: z.string().optional(),
  models: z.array(z.looseObject({ id: z.string(), status: z.string() })),
  in_flight: z.int(),
});
export type AdminNode = z.infer<typeof AdminNode>;
export const AdminNodes = z.looseObject({ nodes: z.array(AdminNode) });

/** A replica with other settings than models.toml has. */
const AdminConfigMismatch = z.looseObject({
  /** The settings, as in models.toml. */
  keys: z.array(z.string()),
  /** The same in a sentence, with what becomes of it. */
  text: z.string(),
});

const AdminReplica = z.looseObject({
  node: z.string(),
  in_flight: z.int(),
  model: ModelEntry.extend({
    /** Absent: its settings are those of models.toml, or it is not loaded. */
    config_mismatch: AdminConfigMismatch.optional(),
  }),
});

export const AdminModel = z.looseObject({
  id: z.string(),
  status: z.string(),
  catalogued: z.boolean(),
  aliases: z.array(z.string()),
  waiting: z.int(),
  replicas: z.array(AdminReplica),
  /** Why no replica serves it; absent if one does. */
  reason: z.string().optional(),
});
export type AdminModel = z.infer<typeof AdminModel>;
export const AdminModels = z.looseObject({ models: z.array(AdminModel) });

/** One thing that a node lacks for a model. */
const AdminLack = z.looseObject({
  what: z.string(),
  need: z.union([z.number(), z.string()]),
  have: z.union([z.number(), z.string()]),
  unit: z.string(),
});

/** A model whose memory another one cannot have now. */
const AdminBlocker = z.looseObject({
  model: z.string(),
  /** `pinned priority busy turn held coming recovering leaving`. */
  why: z.string(),
  held_mb: z.number(),
  /** `turn` and `held`: how long still. */
  for_ms: z.number().optional(),
});

/** A node that was considered for a load; `rank` compares from the left, smaller first. */
const AdminCandidate = z.looseObject({
  node: z.string(),
  feasible: z.boolean(),
  lacked: z.array(AdminLack),
  rank: z.array(z.number()),
  load: z.number(),
  /** How fast the model would answer there; `measured`: it did. Absent: not known. */
  speed: z.looseObject({ tok_s: z.number(), measured: z.boolean() }).optional(),
  /** The models whose memory it cannot have now; absent: it does not lack room because of others. */
  blockers: z.array(AdminBlocker).optional(),
});

/** A model that leaves to make room: `cost` = `load_ms` × `wanted`. */
const AdminVictim = z.looseObject({
  model: z.string(),
  /** `unload` or `sleep`. */
  by: z.string(),
  frees_mb: z.number(),
  /** Since its last request; absent: not known. */
  idle_ms: z.number().optional(),
  load_ms: z.number(),
  wanted: z.number(),
  cost: z.number(),
  priority: z.number(),
  why: z.string(),
});

const AdminPlacement = z.looseObject({
  node: z.string().optional(),
  need_mb: z.number().optional(),
  why: z.string().optional(),
  victims: z.array(AdminVictim),
  candidates: z.array(AdminCandidate),
});

/** Answer of `GET /admin/v1/explain`: about a model, and about a request if one was asked for. */
export const AdminExplanation = z.looseObject({
  model: z.string(),
  /** The only node that was asked about (`id@node`); absent: all. */
  node: z.string().optional(),
  /** Requests do not load the model (`load = "manual"`). */
  manual: z.boolean().default(false),
  request_id: z.string().optional(),
  /** `waiting`, `granted` or `refused`; absent: no request was asked for. */
  outcome: z.string().optional(),
  /** When the request was decided, ISO 8601. */
  at: z.string().optional(),
  /** The node that the request got. */
  chosen: z.string().optional(),
  waited_ms: z.number().optional(),
  /** The nodes that were considered for the load that the request waited for; absent: it waited for none. */
  candidates: z.array(AdminCandidate).optional(),
  /** What left for that load. */
  evicted: z.array(AdminVictim.extend({ node: z.string() })).optional(),
  waiting: z.int(),
  replicas: z.array(
    z.looseObject({
      node: z.string(),
      status: z.string(),
      ready: z.boolean(),
      load: z.number(),
      avoided: AdminAvoidance.optional(),
      config_mismatch: AdminConfigMismatch.optional(),
    }),
  ),
  /**
   * Where a load would go now: `plan`, `wakes` (the host `node`, which takes at most `wake_ms`), `waits_for_idle`,
   * `blocked` or `impossible`. `need_estimated` is false if a node is asked first what the model needs: the load may
   * then go elsewhere.
   */
  outlook: AdminPlacement.extend({
    kind: z.string(),
    wake_ms: z.number().optional(),
    need_estimated: z.boolean().default(true),
  }),
  /** The load that the request waited for, or the last one of the model. */
  last_load: AdminPlacement.extend({ ago_s: z.number() }).optional(),
  /** The same in sentences. */
  text: z.array(z.string()),
});
export type AdminExplanation = z.infer<typeof AdminExplanation>;

/** Body of `POST /admin/v1/models/load` and `/unload`. */
export const AdminModelCall = z.strictObject({
  model: z.string().min(1),
  node: z.string().min(1).optional(),
  force: z.boolean().optional(),
});
export type AdminModelCall = z.infer<typeof AdminModelCall>;

/** Body of `POST /admin/v1/models/pin`. */
export const AdminPinCall = z.strictObject({
  model: z.string().min(1),
  node: z.string().min(1).optional(),
  pinned: z.boolean().default(true),
});

export const AdminPinResults = z.looseObject({
  results: z.array(z.looseObject({ model: z.string(), node: z.string(), pinned: z.boolean() })),
});

export type AdminPinResults = z.infer<typeof AdminPinResults>;

/** Body of `POST /admin/v1/nodes/{name}/free`: without `for_s` until the drain is undone. */
export const AdminFreeCall = DrainRequest.pick({ for_s: true });

/** Answer of `/admin/v1/nodes/{name}/drain`. */
export const AdminDrainResult = DrainAnswer.extend({ node: z.string() });
export type AdminDrainResult = z.infer<typeof AdminDrainResult>;

/** Answer of `/admin/v1/nodes/{name}/free`. */
export const AdminFreeResult = AdminDrainResult.extend({
  unloaded: z.array(z.string()),
  /** Those of `unloaded` that are pinned. The node keeps the pins. */
  pinned: z.array(z.string()).default([]),
  /** Models that the node still has, and why. */
  kept: z.array(z.looseObject({ model: z.string(), reason: z.string() })),
});
export type AdminFreeResult = z.infer<typeof AdminFreeResult>;

export const AdminModelResult = z.looseObject({
  model: z.string(),
  node: z.string(),
  status: z.string(),
  /** What else the caller should know, in a sentence. */
  note: z.string().optional(),
});
export type AdminModelResult = z.infer<typeof AdminModelResult>;
