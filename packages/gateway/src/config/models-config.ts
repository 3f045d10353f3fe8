import { z } from 'zod';

/** One model of `models.toml`: how it is served. Neuron gets the settings as they are written here. */
const ModelProfile = z.strictObject({
  id: z.string().min(1).describe('The name clients ask for.'),
  harness: z
    .string()
    .min(1)
    .default('llama')
    .describe('Name, else kind, of the engine that serves it.'),
  source: z
    .string()
    .min(1)
    .optional()
    .describe('hf:org/repo[@rev][:file], file:/path or https://…; absent: hf:<id>.'),
  quant: z.string().min(1).optional().describe('Quantisation, as Q4_K_M.'),
  vram_mb: z.number().positive().optional().describe('Memory it needs, until it was measured.'),
  min_devices: z.int().min(1).optional().describe('Devices it needs.'),
  min_device_vram_mb: z.number().positive().optional().describe('Memory each device must have.'),
  context_length: z
    .union([z.int().min(1), z.literal('auto')])
    .default('auto')
    .describe('Tokens per slot.'),
  slots: z
    .union([z.int().min(1), z.literal('auto')])
    .default('auto')
    .describe('Requests answered at the same time.'),
  gpu_layers: z
    .union([z.int().min(0), z.enum(['auto', 'all'])])
    .default('auto')
    .describe('Layers on the GPU. auto: as many as fit; all: refused where not all fit.'),
  kv_type: z
    .enum(['f16', 'q8_0', 'q4_0'])
    .optional()
    .describe('Type of the KV cache: q8_0 halves its memory. Default: f16.'),
  draft: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Speculative decoding: id or path of a small model of the same vocabulary, or "lookup".',
    ),
  lora: z
    .array(
      z.strictObject({
        source: z.string().min(1).describe('file:/path of the adapter on the node.'),
        scale: z.number().optional().describe('Strength; absent: 1, as trained.'),
      }),
    )
    .optional()
    .describe('LoRA adapters laid over the weights.'),
  params: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Request fields for requests that do not set them, as temperature.'),
  ttl_s: z.number().min(0).default(0).describe('Unloaded when idle for so long. 0: never.'),
  pinned_on: z
    .array(z.string().min(1))
    .default([])
    .describe('Nodes that it prefers, and is never evicted from.'),
  listed: z.boolean().default(true).describe('Whether GET /v1/models shows it.'),
});
export type ModelProfile = z.infer<typeof ModelProfile>;

const target = z.string().min(1);

const Alias = z.union([
  target,
  z.array(target).min(1),
  z.strictObject({
    model: z.union([target, z.array(target).min(1)]),
    listed: z.boolean().default(false).describe('Whether GET /v1/models shows the alias.'),
    params: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Request fields for whoever asks by this name and does not set them.'),
  }),
]);

/** `models.toml` as the operator writes it: the catalogue and other names for its models. */
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
    .describe('Name or glob → model, or a list of models. "default" is for names nobody knows.'),
});
export type ModelsConfig = z.infer<typeof ModelsConfig>;
