/**
 * The settings of a model, defined once.
 *
 * models.toml, the load call, `/models` and neuron's own settings are made from these fields; their names and types
 * are defined nowhere else.
 */
import { z } from 'zod';

import { type CamelKeys, camelKeys, snakeKeys } from './key-case.ts';
import { type WithoutUndefined, withoutUndefined } from './without-undefined.ts';

/** The settings that are fixed while a model is loaded, under their wire names. */
export const ModelSettingsFields = {
  harness: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Name or kind of the engine that serves the model. Absent: the node chooses its own engine, or a llama-server for what that cannot do.',
    ),
  source: z
    .string()
    .min(1)
    .optional()
    .describe('hf:org/repo[@rev][:file], file:/path or https://…; absent: a file on the node.'),
  quant: z.string().min(1).optional().describe('Quantisation, such as Q4_K_M.'),
  devices: z.array(z.int()).optional().describe('Indexes of the only devices to use.'),
  tensor_parallel: z.int().optional().describe('Number of devices that share each layer.'),
  context_length: z
    .union([z.int().min(1), z.literal('auto')])
    .optional()
    .describe('Tokens per slot.'),
  slots: z
    .union([z.int().min(1), z.literal('auto')])
    .optional()
    .describe('Number of concurrent requests.'),
  draft: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Speculative decoding: id or path of a small model with the same vocabulary, lookup, off, or auto (the draft model beside the model, else the prediction layers in its file, if any). Default: auto.',
    ),
  gpu_layers: z
    .union([z.int().min(0), z.enum(['auto', 'all'])])
    .optional()
    .describe('Layers on the GPU. auto: as many as fit; all: the load fails unless all fit.'),
  kv_type: z
    .enum(['f16', 'q8_0', 'q4_0'])
    .optional()
    .describe('Type of the KV cache: q8_0 halves its memory. Default: f16.'),
  lora: z
    .array(
      z.strictObject({
        source: z.string().min(1).describe('Path of the adapter on the node, as file:/path.'),
        scale: z.number().optional().describe('Strength. Default: 1, as trained.'),
      }),
    )
    .optional()
    .describe('LoRA adapters applied to the weights.'),
  mmproj: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Vision projector: off, file:/path on the node, or auto (the one beside the model, if any). Default: auto.',
    ),
  n_cpu_moe: z
    .union([z.int().min(0), z.literal('auto')])
    .optional()
    .describe('Layers whose experts are kept in RAM, where the engine can (llama-server).'),
  args: z.array(z.string()).optional().describe('Additional arguments for an external engine.'),
  upstream_model: z.string().optional().describe('Name of the model in the external engine.'),
  params: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Defaults of request fields, such as temperature.'),
  on_image: z
    .enum(['reject', 'placeholder'])
    .optional()
    .describe(
      'What a model without vision does with an image: reject answers 400, placeholder puts a note in its place. Default: reject.',
    ),
} as const;

const WireModelSettings = z.object(ModelSettingsFields);
export type WireModelSettings = z.infer<typeof WireModelSettings>;

/** The same settings under internal names. For an absent one, the node that loads the model decides. */
export type ModelSettings = CamelKeys<WireModelSettings>;

/** Wire names of the settings, in the order in which differences are reported. */
export const MODEL_SETTING_NAMES = WireModelSettings.keyof().options;

/** What a node takes for a setting that a load call leaves out. For the others it decides with the file. */
export const MODEL_SETTING_DEFAULTS = {
  context_length: 'auto',
  slots: 'auto',
  gpu_layers: 'auto',
  kv_type: 'f16',
  params: {},
  on_image: 'reject',
} as const satisfies WireModelSettings;

/** The settings in a load call or in an entry of models.toml; other fields are dropped. */
export const readModelSettings = (
  wire: WireModelSettings,
): CamelKeys<WithoutUndefined<WireModelSettings>> =>
  camelKeys(withoutUndefined(WireModelSettings.parse(wire)));

/** The settings in wire form: undefined members are absent, and members that are not settings are dropped. */
export const formatModelSettings = (settings: ModelSettings): WireModelSettings =>
  withoutUndefined(WireModelSettings.parse(snakeKeys(settings)));
