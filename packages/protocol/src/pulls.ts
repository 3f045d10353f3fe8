/** The shapes of downloads: `/models/pull` of a node, and `models/pull` of the admin API. */
import { z } from 'zod';

import { ModelSettingsFields } from './model-settings.ts';

const { source, quant, mmproj, draft } = ModelSettingsFields;

/** `POST /models/pull` of a node. Without a source, the repository with the name of the model. */
export const PullModelRequest = z.strictObject({
  model_id: z.string().min(1),
  source,
  quant,
  mmproj,
  draft,
});
export type PullModelRequest = z.infer<typeof PullModelRequest>;

/** A pull, running or ended. Unknown values are absent. */
export const PullReport = z.looseObject({
  model_id: z.string(),
  source: z.string(),
  quant: z.string().optional(),
  /** `running`, `done`, `failed` or `cancelled`. */
  status: z.string(),
  /** Bytes on the disk, those of an earlier pull included. */
  bytes_done: z.number(),
  bytes_total: z.number().optional(),
  /** 0 to 1. */
  progress: z.number().optional(),
  bytes_per_s: z.number().optional(),
  eta_s: z.number().optional(),
  files: z
    .array(z.looseObject({ name: z.string(), bytes_done: z.number(), bytes_total: z.number() }))
    .default([]),
  /** Why it failed. */
  error: z.string().optional(),
});
export type PullReport = z.infer<typeof PullReport>;

/** Body of `POST /admin/v1/models/pull`. Source and quantisation default to those of models.toml. */
export const AdminPullCall = z.strictObject({
  model: z.string().min(1),
  node: z.string().min(1).optional(),
  source,
  quant,
});
export type AdminPullCall = z.infer<typeof AdminPullCall>;

/** The pull of a model on a node. */
export const AdminPull = z.looseObject({ node: z.string(), pull: PullReport });
export type AdminPull = z.infer<typeof AdminPull>;

/**
 * Body of `POST /admin/v1/models/remove`: removes the entry in models.toml, and with `files` the files on every node
 * that has them. With a node, only its files.
 */
export const AdminRemoveCall = z.strictObject({
  model: z.string().min(1),
  node: z.string().min(1).optional(),
  files: z.boolean().default(false),
});
export type AdminRemoveCall = z.infer<typeof AdminRemoveCall>;

/** Answer to `DELETE /models/{id}/files`. */
export const RemovedFiles = z.looseObject({
  model_id: z.string(),
  files: z.array(z.string()),
  freed_bytes: z.number(),
});
export type RemovedFiles = z.infer<typeof RemovedFiles>;

export const AdminRemoved = z.looseObject({
  model: z.string(),
  results: z.array(
    z.looseObject({ node: z.string(), files: z.array(z.string()), freed_bytes: z.number() }),
  ),
  /** Whether models.toml still has an entry of the model, so that a request would pull it again. */
  catalogued: z.boolean(),
  /** The models.toml that has lost its entry. */
  file: z.string().optional(),
});
export type AdminRemoved = z.infer<typeof AdminRemoved>;

/** Body of `POST /admin/v1/models/add`: an entry of models.toml. */
export const AdminAddCall = z.strictObject({
  id: z.string().min(1),
  source: z.string().min(1),
  quant,
  context_length: z.int().min(1).optional(),
});
export type AdminAddCall = z.infer<typeof AdminAddCall>;

/** What one node says about a load: what it needs and what is missing now, or why it cannot say. */
export const AdminEstimate = z.looseObject({
  node: z.string(),
  need_mb: z.number().optional(),
  /** Whether it fits into the free memory now. */
  fits: z.boolean().optional(),
  missing_mb: z.number().optional(),
  error: z.string().optional(),
});
export type AdminEstimate = z.infer<typeof AdminEstimate>;

/** Answer of `POST /admin/v1/models/add`. */
export const AdminAdded = z.looseObject({
  model: z.string(),
  /** The models.toml that has it now. */
  file: z.string(),
  /** Of every node that is up. */
  nodes: z.array(AdminEstimate),
});
export type AdminAdded = z.infer<typeof AdminAdded>;
