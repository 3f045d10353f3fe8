import { CortexError, type LoadModelRequest } from '@cortex/protocol';

/** How a model was asked to run: the fields of a load call that are fixed while it is loaded. */
export interface LoadSettings {
  readonly harness: string;
  readonly source?: string;
  readonly quant?: string;
  readonly devices?: readonly number[];
  readonly tensorParallel?: number;
  readonly contextLength: number | 'auto';
  readonly slots: number | 'auto';
  readonly draft?: string;
  readonly gpuLayers: number | 'auto' | 'all';
  readonly kvType: 'f16' | 'q8_0' | 'q4_0';
  readonly lora?: LoadModelRequest['lora'];
  readonly mmproj?: string;
  readonly args?: readonly string[];
  readonly upstreamModel?: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly onImage: 'reject' | 'placeholder';
}

/** Wire name of each setting, in the order in which differences are named. */
const WIRE_NAMES = {
  harness: 'harness',
  source: 'source',
  quant: 'quant',
  devices: 'devices',
  tensorParallel: 'tensor_parallel',
  contextLength: 'context_length',
  slots: 'slots',
  draft: 'draft',
  gpuLayers: 'gpu_layers',
  kvType: 'kv_type',
  lora: 'lora',
  mmproj: 'mmproj',
  args: 'args',
  upstreamModel: 'upstream_model',
  params: 'params',
  onImage: 'on_image',
} as const satisfies Record<keyof LoadSettings, keyof LoadModelRequest>;

const SETTING_NAMES = Object.keys(WIRE_NAMES).filter(
  (name): name is keyof LoadSettings => name in WIRE_NAMES,
);

/** The settings of a load call, with automatic values for what it does not name. */
export function toLoadSettings(request: LoadModelRequest): LoadSettings {
  return {
    harness: request.harness ?? 'llama',
    ...(request.source !== undefined && { source: request.source }),
    ...(request.quant !== undefined && { quant: request.quant }),
    ...(request.devices !== undefined && { devices: request.devices }),
    ...(request.tensor_parallel !== undefined && { tensorParallel: request.tensor_parallel }),
    contextLength: request.context_length ?? 'auto',
    slots: request.slots ?? 'auto',
    ...(request.draft !== undefined && { draft: request.draft }),
    gpuLayers: request.gpu_layers ?? 'auto',
    kvType: request.kv_type ?? 'f16',
    ...(request.lora !== undefined && { lora: request.lora }),
    ...(request.mmproj !== undefined && { mmproj: request.mmproj }),
    ...(request.args !== undefined && { args: request.args }),
    ...(request.upstream_model !== undefined && { upstreamModel: request.upstream_model }),
    params: request.params ?? {},
    onImage: request.on_image ?? 'reject',
  };
}

/** The settings under their wire names, as `/models` shows them. */
export function formatSettings(settings: LoadSettings): Record<string, unknown> {
  const formatted: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    if (settings[name] !== undefined) formatted[WIRE_NAMES[name]] = settings[name];
  }
  return formatted;
}

/**
 * What the call does not name is no difference: "load it" is satisfied by a model loaded in any way.
 *
 * @throws CortexError `conflict` naming the settings in which a load call differs from what runs
 */
export function checkSameSettings(request: LoadModelRequest, running: LoadSettings): void {
  const asked = toLoadSettings(request);
  const keys = SETTING_NAMES.filter(
    (name) =>
      request[WIRE_NAMES[name]] !== undefined && !Bun.deepEquals(asked[name], running[name]),
  ).map((name) => WIRE_NAMES[name]);
  if (keys.length === 0) return;
  throw new CortexError(
    'conflict',
    `${request.model_id} is loaded with other settings: ${keys.join(', ')}. Unload it first.`,
    { extra: { keys } },
  );
}
