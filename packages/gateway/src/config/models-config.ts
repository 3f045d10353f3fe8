import { ModelSettingsFields } from '@cortex/protocol';
import { z } from 'zod';

const settings = ModelSettingsFields;

/** One model of `models.toml`. The node gets the settings as they are written here. */
const ModelProfile = z.strictObject({
  id: z.string().min(1).describe('The name that clients use.'),
  harness: settings.harness,
  source: settings.source,
  quant: settings.quant,
  vram_mb: z
    .number()
    .positive()
    .optional()
    .describe('Memory it needs, until it has been measured.'),
  min_devices: z.int().min(1).optional().describe('Number of devices it needs.'),
  min_device_vram_mb: z
    .number()
    .positive()
    .optional()
    .describe('Memory that each device must have.'),
  allow_cpu: z
    .boolean()
    .default(false)
    .describe('It may go to a CPU although a GPU of the fleet could hold it.'),
  context_length: settings.context_length.unwrap().default('auto'),
  slots: settings.slots.unwrap().default('auto'),
  gpu_layers: settings.gpu_layers.unwrap().default('auto'),
  kv_type: settings.kv_type,
  devices: settings.devices,
  tensor_parallel: settings.tensor_parallel,
  mmproj: settings.mmproj,
  n_cpu_moe: settings.n_cpu_moe,
  on_image: settings.on_image,
  upstream_model: settings.upstream_model,
  args: settings.args,
  draft: settings.draft,
  lora: settings.lora,
  params: settings.params,
  residency_priority: z
    .number()
    .default(100)
    .describe('A model is never unloaded for one with a lower value.'),
  preload: z
    .boolean()
    .default(false)
    .describe('It is loaded before it is asked for, and again elsewhere when its node is lost.'),
  replicas: z.int().min(1).default(1).describe('Nodes that have it loaded while it is in use.'),
  max_replicas: z
    .int()
    .min(1)
    .default(1)
    .describe(
      'With more than replicas, it is loaded on another node with room when requests have waited longer than a load takes there.',
    ),
  ttl_s: z
    .number()
    .min(0)
    .default(0)
    .describe('Idle time after which it is unloaded. 0, or with preload: never.'),
  pinned_on: z
    .array(z.string().min(1))
    .default([])
    .describe('Preferred nodes. It is never evicted from them.'),
  load: z
    .enum(['auto', 'manual'])
    .default('auto')
    .describe(
      'auto: a request for it loads it. manual: only the operator does, with "cortex load".',
    ),
  listed: z.boolean().default(true).describe('Whether GET /v1/models shows it.'),
});
export type ModelProfile = z.infer<typeof ModelProfile>;

const target = z.string().min(1);

/** The fields of an alias travel in a header, and the heads of requests have at most 16 KiB. */
const MAX_PARAMS_BYTES = 6000;

const isShort = (params: object): boolean =>
  Buffer.byteLength(JSON.stringify(params)) <= MAX_PARAMS_BYTES;

const Alias = z.union([
  target,
  z.array(target).min(1),
  z.strictObject({
    model: z.union([target, z.array(target).min(1)]),
    listed: z.boolean().default(false).describe('Whether GET /v1/models shows the alias.'),
    params: z
      .record(z.string(), z.unknown())
      .refine(isShort, `the fields have more than ${MAX_PARAMS_BYTES} bytes as JSON: shorten them`)
      .optional()
      .describe('Defaults of request fields for requests that use this name.'),
  }),
]);

/** `models.toml` as the operator writes it: the catalogue, and aliases for its models. */
export const ModelsConfig = z.strictObject({
  models: z
    .array(ModelProfile)
    .default([])
    .superRefine((models, context) => {
      const seen = new Set<string>();
      for (const [index, { id }] of models.entries()) {
        if (seen.has(id))
          context.addIssue({
            code: 'custom',
            path: [index, 'id'],
            message: `two models have the id "${id}"`,
          });
        seen.add(id);
      }
    }),
  aliases: z
    .record(z.string().min(1), Alias)
    .default({})
    .describe(
      'Name or glob → model, or a list of models. "default" applies to unknown names and to requests without a model.',
    ),
});
export type ModelsConfig = z.infer<typeof ModelsConfig>;
