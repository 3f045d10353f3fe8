import {
  CortexError,
  formatModelSettings,
  type LoadModelRequest,
  MODEL_SETTING_NAMES,
  type ModelSettings,
  readModelSettings,
} from '@cortex/protocol';

/** What a load call that names nothing gets. */
const DEFAULTS = {
  harness: 'llama',
  contextLength: 'auto',
  slots: 'auto',
  gpuLayers: 'auto',
  kvType: 'f16',
  params: {},
  onImage: 'reject',
} as const satisfies ModelSettings;

/** How a model was asked to run: the fields of a load call that are fixed while it is loaded. */
export type LoadSettings = ModelSettings & {
  readonly [K in keyof typeof DEFAULTS]: NonNullable<ModelSettings[K]>;
};

/** The settings of a load call, with automatic values for what it does not name. */
export const toLoadSettings = (request: LoadModelRequest): LoadSettings => ({
  ...DEFAULTS,
  ...readModelSettings(request),
});

/**
 * What the call does not name is no difference: "load it" is satisfied by a model loaded in any way.
 *
 * @throws CortexError `conflict` naming the settings in which a load call differs from what runs
 */
export function checkSameSettings(request: LoadModelRequest, running: LoadSettings): void {
  const asked = Object.entries(formatModelSettings(toLoadSettings(request)));
  const current = new Map<string, unknown>(Object.entries(formatModelSettings(running)));
  const differing = new Set(
    asked
      .filter(([name, value]) => !Bun.deepEquals(value, current.get(name)))
      .map(([name]) => name),
  );
  const keys = MODEL_SETTING_NAMES.filter(
    (name) => request[name] !== undefined && differing.has(name),
  );
  if (keys.length === 0) return;
  throw new CortexError(
    'conflict',
    `${request.model_id} is loaded with other settings: ${keys.join(', ')}. Unload it first.`,
    { extra: { keys } },
  );
}
