import {
  camelKeys,
  CortexError,
  formatModelSettings,
  type LoadModelRequest,
  MODEL_SETTING_DEFAULTS,
  MODEL_SETTING_NAMES,
  type ModelSettings,
  readModelSettings,
} from '@cortex/protocol';

/** Defaults of a load call. */
const DEFAULTS = {
  harness: 'llama',
  ...camelKeys(MODEL_SETTING_DEFAULTS),
} as const satisfies ModelSettings;

/** The fields of a load call that are fixed while the model is loaded. */
export type LoadSettings = ModelSettings & {
  readonly [K in keyof typeof DEFAULTS]: NonNullable<ModelSettings[K]>;
};

/** The settings of a load call, with `auto` or defaults for absent fields. */
export const toLoadSettings = (request: LoadModelRequest): LoadSettings => ({
  ...DEFAULTS,
  ...readModelSettings(request),
});

/** The settings of a call that differ from `running`. A call without settings matches every loaded model. */
export function differingSettings(request: LoadModelRequest, running: LoadSettings): string[] {
  const asked = Object.entries(formatModelSettings(toLoadSettings(request)));
  const current = new Map<string, unknown>(Object.entries(formatModelSettings(running)));
  const differing = new Set(
    asked
      .filter(([name, value]) => !Bun.deepEquals(value, current.get(name)))
      .map(([name]) => name),
  );
  return MODEL_SETTING_NAMES.filter((name) => request[name] !== undefined && differing.has(name));
}

/** @throws CortexError `conflict` naming the settings that differ from the loaded ones */
export function checkSameSettings(request: LoadModelRequest, running: LoadSettings): void {
  const keys = differingSettings(request, running);
  if (keys.length === 0) return;
  throw new CortexError(
    'conflict',
    `${request.model_id} is loaded with other settings: ${keys.join(', ')}. Unload it first.`,
    { extra: { keys } },
  );
}
