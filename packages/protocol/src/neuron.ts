/**
 * The HTTP shapes of neuron's API (contracts, section 3).
 *
 * Objects are loose and newer fields are optional, because a fleet is upgraded one host at a time.
 */
import { z } from 'zod';

import { ModelSettingsFields } from './model-settings.ts';
import { PullReport } from './pulls.ts';

export const DeviceInfo = z.looseObject({
  index: z.int(),
  uuid: z.string().optional(),
  name: z.string(),
  kind: z.string(),
  vram_total_mb: z.number(),
  compute_capability: z.string().optional(),
});
export type DeviceInfo = z.infer<typeof DeviceInfo>;

export const Discovery = z.looseObject({
  hostname: z.string(),
  os: z.string(),
  kernel: z.string(),
  arch: z.string(),
  cpu: z.looseObject({ model: z.string(), cores: z.int() }),
  ram_total_mb: z.number(),
  cuda_version: z.string().optional(),
  driver_version: z.string().optional(),
  gpu_unavailable_reason: z.string().optional(),
  storage: z.array(z.looseObject({ path: z.string(), free_mb: z.number(), total_mb: z.number() })),
  devices: z.array(DeviceInfo),
  harnesses: z.array(z.string()),
});
export type Discovery = z.infer<typeof Discovery>;

export const ModelLoad = z.looseObject({
  id: z.string(),
  in_flight: z.int(),
  queue_depth: z.int(),
  max_in_flight: z.int(),
  max_queue_depth: z.int(),
  rejected: z.record(z.string(), z.int()).default({}),
  /** Of a request that creates images, 0 to 1. */
  progress: z.number().optional(),
  tok_s_prefill: z.number().optional(),
  /** Of one answer, of many at a time. */
  tok_s_decode: z.number().optional(),
  kv_cells_used: z.int().optional(),
  kv_cells_total: z.int().optional(),
});
export type ModelLoad = z.infer<typeof ModelLoad>;

/** Room that one cortex keeps for a model that has waited too long, so that others in front of the node keep it too. */
export const RoomClaim = z.looseObject({
  /** The cortex that keeps it. */
  owner: z.string(),
  /** That is to be loaded. */
  model: z.string(),
  /** Models that leave for it once they are idle, and get no more requests. */
  from: z.array(z.string()),
  /** Seconds until it ends, unless renewed. */
  remaining_s: z.number(),
});
export type RoomClaim = z.infer<typeof RoomClaim>;

export const NodeHealth = z.looseObject({
  uptime_secs: z.number(),
  ready: z.boolean(),
  /** It takes no loads; running models serve. */
  draining: z.boolean(),
  /** Seconds until the drain ends by itself; absent: it does not. */
  drain_remaining_s: z.number().optional(),
  /** At most one of each cortex, in order of arrival. Absent: an older neuron. */
  claims: z.array(RoomClaim).optional(),
  activation: z.looseObject({
    state: z.string(),
    pending: z.array(z.string()),
    in_progress: z.string().optional(),
    completed: z.array(z.string()),
    failed: z.array(z.looseObject({ model_id: z.string(), error: z.string() })),
  }),
  devices: z.array(
    z.looseObject({
      index: z.int(),
      kind: z.string().optional(),
      vram_used_mb: z.number().optional(),
      vram_free_mb: z.number().optional(),
      vram_reserved_mb: z.number().optional(),
      utilization_pct: z.number().optional(),
      temp_c: z.number().optional(),
      power_w: z.number().optional(),
      energy_j: z.number().optional(),
      foreign_mb: z.number().optional(),
      yielding: z.boolean().optional(),
    }),
  ),
  models: z.array(ModelLoad),
  harnesses: z.array(
    z.looseObject({ name: z.string(), ok: z.boolean(), lifecycle_cycles: z.int().optional() }),
  ),
});
export type NodeHealth = z.infer<typeof NodeHealth>;

export const ModelEntry = z.looseObject({
  id: z.string(),
  harness: z.string(),
  /** Why neuron chose this harness; absent if it was asked for, or is neuron's own. */
  harness_reason: z.string().optional(),
  status: z.string(),
  devices: z.array(z.int()).default([]),
  vram_used_mb: z.number().optional(),
  backend: z.string().optional(),
  gpu_layers: z.string().optional(),
  capabilities: z.array(z.string()).default([]),
  limit: z.looseObject({ context: z.int(), input: z.int().optional(), output: z.int() }).optional(),
  servable: z.looseObject({ ok: z.boolean(), reason: z.string().optional() }).optional(),
  quant: z.string().optional(),
  settings: z.record(z.string(), z.unknown()).default({}),
  generation: z.int().default(0),
  pinned: z.boolean().default(false),
  /** TTL and pin as the last load call set them, without the pin of an operator. Absent: an older neuron. */
  residency: z.looseObject({ ttl_s: z.number(), pinned: z.boolean() }).optional(),
  /** It is held, and `POST /models/{id}/sleep` can put it to sleep. Absent: it cannot, or an older neuron. */
  can_sleep: z.boolean().optional(),
  on_disk: z.boolean().default(false),
  /** All parts of its file together. Absent: not whole on the disk of this node, or an older neuron. */
  size_bytes: z.int().optional(),
  /** When the file changed last, as in RFC 3339. Absent like `size_bytes`. */
  modified_at: z.string().optional(),
  idle_ms: z.number().optional(),
  age_ms: z.number().optional(),
  loaded_at: z.string().optional(),
  last_used_at: z.string().optional(),
  progress: z.number().optional(),
  eta_s: z.number().optional(),
  reason: z.string().optional(),
  /** The running pull of its files, or the last one if that failed. */
  pull: PullReport.optional(),
});
export type ModelEntry = z.infer<typeof ModelEntry>;

export const NodeModels = z.array(ModelEntry);

/** `POST /models/load` and every entry of neuron.toml's `default_models`. */
export const LoadModelRequest = z.strictObject({
  model_id: z.string().min(1),
  ...ModelSettingsFields,
  vram_mb: z.number().optional(),
  /** MiB that automatic context and slots leave other models: they are chosen within it, if the model serves within it. */
  vram_limit_mb: z.number().positive().optional(),
  min_devices: z.int().min(1).optional(),
  ttl_s: z.number().min(0).optional(),
  pinned: z.boolean().optional(),
  detached: z.boolean().optional(),
});
export type LoadModelRequest = z.infer<typeof LoadModelRequest>;

/** Answer of `POST /models/{id}/estimate`. Only what the harness of the model can say is there. */
export const EstimateAnswer = z.looseObject({
  vram_mb: z.number(),
  ram_mb: z.number().default(0),
  /** MiB on its device with the smallest and the largest automatic context and slots. Absent: older neuron, or unknown. */
  least_mb: z.number().optional(),
  most_mb: z.number().optional(),
  kv_mb_per_1k_tokens: z.number().optional(),
  context_max: z.int().optional(),
  slots_max: z.int().optional(),
  /** What a load would choose now: tokens per slot, slots, and layers on the GPU, such as `20/33`. */
  context_length: z.int().optional(),
  slots: z.int().optional(),
  gpu_layers: z.string().optional(),
  devices: z.array(z.int()).default([]),
  fits: z.boolean().optional(),
  /** What is missing on `device`; absent: it fits. */
  missing_mb: z.number().optional(),
  device: z.union([z.int(), z.literal('cpu')]).optional(),
});
export type EstimateAnswer = z.infer<typeof EstimateAnswer>;

export const UnloadModelRequest = z.strictObject({
  model_id: z.string().min(1),
  force: z.boolean().optional(),
  if_idle: z.boolean().optional(),
  if_generation: z.int().optional(),
});
export type UnloadModelRequest = z.infer<typeof UnloadModelRequest>;

/** `POST /models/{id}/sleep`; the body may be empty. The model is put to sleep only if it is idle. */
export const SleepModelRequest = z.strictObject({ if_generation: z.int().optional() });
export type SleepModelRequest = z.infer<typeof SleepModelRequest>;

/** `POST /models/{id}/pin`. */
export const PinModelRequest = z.strictObject({ pinned: z.boolean() });

/** Longest claim: a cortex that has died must not keep others from the node for long. */
export const MAX_CLAIM_S = 60;

/** The node repeats claims in every report of its health. */
const MAX_CLAIMED_CHARS = 512;
const MAX_CLAIMED_FROM = 100;

/** `POST /claim`. `for_s` 0 ends the claim of the owner; another call for the same model renews it. */
export const ClaimRequest = z.strictObject({
  /** A name that no other cortex has. */
  owner: z.string().min(1).max(100),
  model: z.string().min(1).max(MAX_CLAIMED_CHARS),
  from: z.array(z.string().min(1).max(MAX_CLAIMED_CHARS)).max(MAX_CLAIMED_FROM),
  for_s: z.number().min(0).max(MAX_CLAIM_S),
});
export type ClaimRequest = z.infer<typeof ClaimRequest>;

/** What is claimed now. */
export const ClaimAnswer = z.looseObject({ claims: z.array(RoomClaim) });

/** Longest drain that ends by itself: a week. */
const MAX_DRAIN_S = 604_800;

/** `POST /drain`. Without `for_s` a drain lasts until it is ended. */
export const DrainRequest = z.strictObject({
  draining: z.boolean(),
  for_s: z.number().positive().max(MAX_DRAIN_S).optional(),
});
export type DrainRequest = z.infer<typeof DrainRequest>;

export const DrainAnswer = z.looseObject({
  draining: z.boolean(),
  /** Seconds until it ends by itself; absent: it does not. */
  for_s: z.number().optional(),
});
export type DrainAnswer = z.infer<typeof DrainAnswer>;

export const NodeVersion = z.looseObject({
  version: z.string(),
  commit: z.string().optional(),
  /** ISO 8601; absent for a program that runs from its sources. */
  built_at: z.string().optional(),
  runtime: z.string(),
  engines: z.record(z.string(), z.string()).default({}),
});
export type NodeVersion = z.infer<typeof NodeVersion>;

/** Headers between cortex and neuron. Stripped from requests of clients and from answers to them. */
export const NEURON_HEADERS = {
  /** On a refusal: the node did no work for this request. */
  refused: 'x-neuron-refused',
  promptTokens: 'x-neuron-prompt-tokens',
  usage: 'x-neuron-usage',
  principal: 'x-cortex-principal',
  keyId: 'x-cortex-key-id',
  params: 'x-cortex-params',
  /** On `GET /models`: the revision of the last change that the answer contains (see node-events.ts). */
  revision: 'x-neuron-revision',
} as const;

/**
 * The usage of a finished request, from neuron to cortex: the comment before `[DONE]`, or the header
 * `x-neuron-usage`.
 */
export const NeuronUsage = z.looseObject({
  prompt_tokens: z.int().min(0),
  completion_tokens: z.int().min(0),
  cached_tokens: z.int().min(0).default(0),
  reasoning_tokens: z.int().min(0).default(0),
  queue_ms: z.number().min(0).default(0),
  prompt_ms: z.number().min(0).default(0),
  first_token_ms: z.number().min(0).optional(),
  decode_ms: z.number().min(0).default(0),
  estimated: z.boolean().default(false),
});
export type NeuronUsage = z.infer<typeof NeuronUsage>;

/** Start of the SSE comment that carries `NeuronUsage` at the end of every stream. */
export const USAGE_COMMENT = ': usage ';
