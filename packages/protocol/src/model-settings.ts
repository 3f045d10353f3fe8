/**
 * What can be set of a model, described once.
 *
 * models.toml, the load call, `/models` and neuron's own settings are made from these fields; their names and types
 * are nowhere else.
 */
import { z } from 'zod';

import { type CamelKeys, camelKeys, snakeKeys } from './key-case.ts';
import { type WithoutUndefined, withoutUndefined } from './without-undefined.ts';

/** The settings that are fixed while a model is loaded, under their wire names. */
export const ModelSettingsFields = {
  harness: z.string().min(1).optional().describe('Name, else kind, of the engine that serves it.'),
  source: z
    .string()
    .min(1)
    .optional()
    .describe('hf:org/repo[@rev][:file], file:/path or https://…; absent: hf:<id>.'),
  quant: z.string().min(1).optional().describe('Quantisation, as Q4_K_M.'),
  devices: z.array(z.int()).optional().describe('Indexes of the devices to use, and no others.'),
  tensor_parallel: z.int().optional().describe('Devices that share each layer.'),
  context_length: z
    .union([z.int().min(1), z.literal('auto')])
    .optional()
    .describe('Tokens per slot.'),
  slots: z
    .union([z.int().min(1), z.literal('auto')])
    .optional()
    .describe('Requests answered at the same time.'),
  draft: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Speculative decoding: id or path of a small model of the same vocabulary, or "lookup".',
    ),
  gpu_layers: z
    .union([z.int().min(0), z.enum(['auto', 'all'])])
    .optional()
    .describe('Layers on the GPU. auto: as many as fit; all: refused where not all fit.'),
  kv_type: z
    .enum(['f16', 'q8_0', 'q4_0'])
    .optional()
    .describe('Type of the KV cache: q8_0 halves its memory. Default: f16.'),
  lora: z
    .array(
      z.strictObject({
        source: z.string().min(1).describe('file:/path of the adapter on the node.'),
        scale: z.number().optional().describe('Strength; absent: 1, as trained.'),
      }),
    )
    .optional()
    .describe('LoRA adapters laid over the weights.'),
  mmproj: z.string().optional().describe('Vision projector: auto, off, or a path.'),
  args: z.array(z.string()).optional().describe('Further arguments for an external engine.'),
  upstream_model: z.string().optional().describe('The name an external engine knows it by.'),
  params: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Request fields for requests that do not set them, as temperature.'),
  on_image: z
    .enum(['reject', 'placeholder'])
    .optional()
    .describe('What a model without vision does with an image in the history.'),
} as const;

const WireModelSettings = z.object(ModelSettingsFields);
export type WireModelSettings = z.infer<typeof WireModelSettings>;

/** The same settings inside our programs. Absent: decided where the model is loaded. */
export type ModelSettings = CamelKeys<WireModelSettings>;

/** Wire names of the settings, in the order in which differences are named. */
export const MODEL_SETTING_NAMES = WireModelSettings.keyof().options;

/** The settings in a load call or in an entry of models.toml; other fields are left out. */
export const readModelSettings = (
  wire: WireModelSettings,
): CamelKeys<WithoutUndefined<WireModelSettings>> =>
  camelKeys(withoutUndefined(WireModelSettings.parse(wire)));

/** The settings as they are written on the wire: what is undefined is absent, what is no setting is left out. */
export const formatModelSettings = (settings: ModelSettings): WireModelSettings =>
  withoutUndefined(WireModelSettings.parse(snakeKeys(settings)));
