/** The shapes of `/admin/v1` (contracts, section 1). */
import { z } from 'zod';

import { ModelEntry } from './neuron.ts';

export const AdminNode = z.looseObject({
  name: z.string(),
  endpoint: z.string(),
  state: z.enum(['unknown', 'up', 'down']),
  draining: z.boolean(),
  /** Why the node is not up; absent when it is. */
  error: z.string().optional(),
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

export const AdminModel = z.looseObject({
  id: z.string(),
  status: z.string(),
  catalogued: z.boolean(),
  aliases: z.array(z.string()),
  waiting: z.int(),
  replicas: z.array(z.looseObject({ node: z.string(), in_flight: z.int(), model: ModelEntry })),
  /** Why no node can serve it, when none can. */
  reason: z.string().optional(),
});
export type AdminModel = z.infer<typeof AdminModel>;
export const AdminModels = z.looseObject({ models: z.array(AdminModel) });

/** Body of `POST /admin/v1/models/load` and `/unload`. */
export const AdminModelCall = z.strictObject({
  model: z.string().min(1),
  node: z.string().min(1).optional(),
  force: z.boolean().optional(),
});
export type AdminModelCall = z.infer<typeof AdminModelCall>;

export const AdminModelResult = z.looseObject({
  model: z.string(),
  node: z.string(),
  status: z.string(),
});
export type AdminModelResult = z.infer<typeof AdminModelResult>;
