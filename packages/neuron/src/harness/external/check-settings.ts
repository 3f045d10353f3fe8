/** Which load settings an external harness can follow. Each other one is refused; none is ignored. */
import { CortexError } from '@cortex/protocol';

import type { LoadSettings } from '../load-settings.ts';

export interface ExternalRules {
  readonly harness: string;
  /** A server that is shared has read its model already, so nothing of it can be set. */
  readonly isShared: boolean;
  readonly acceptsArgs: boolean;
  /** Devices that share each layer, as the operator has started the server. */
  readonly tensorParallel: number;
  /** Placeholders of the command. */
  readonly placeholders: ReadonlySet<string>;
}

type Value = LoadSettings[keyof LoadSettings];

const isFilled = (value: Value): boolean =>
  Array.isArray(value) ? value.length > 0 : value !== undefined;

/** @throws CortexError `unsupported_parameter` naming the setting */
export function checkExternalSettings(settings: LoadSettings, rules: ExternalRules): void {
  const refuse = (param: string, why: string): never => {
    throw new CortexError(
      'unsupported_parameter',
      `The harness ${rules.harness} does not support ${param}${why}`,
      { param },
    );
  };
  const { args, tensorParallel, mmproj, gpuLayers, nCpuMoe, kvType, lora, draft } = settings;
  if (isFilled(args)) {
    if (rules.isShared) refuse('args', ': its server is started once, for all its models.');
    if (!rules.acceptsArgs) refuse('args', ': its operator has not set accept_args.');
  }
  if (tensorParallel !== undefined && tensorParallel !== rules.tensorParallel) {
    refuse(
      'tensor_parallel',
      ` = ${tensorParallel}: its server is started with ${rules.tensorParallel}.`,
    );
  }
  const isMmprojAsked = mmproj !== undefined && mmproj !== 'auto' && mmproj !== 'off';
  if (isMmprojAsked && !rules.placeholders.has('mmproj'))
    refuse('mmproj', ': its command has no ${mmproj}.');
  // "all" is what a server does by itself.
  if (typeof gpuLayers === 'number' && !rules.placeholders.has('gpu_layers')) {
    refuse('gpu_layers', ': its command has no ${gpu_layers}.');
  }
  const isMoeAsked = typeof nCpuMoe === 'number' && nCpuMoe > 0;
  if (isMoeAsked && !rules.placeholders.has('n_cpu_moe')) {
    refuse('n_cpu_moe', ': its command has no ${n_cpu_moe}.');
  }
  if (kvType !== 'f16') refuse('kv_type', '. Use args, or the command.');
  if (isFilled(lora)) refuse('lora', '.');
  if (draft !== undefined && draft !== 'auto' && draft !== 'off') refuse('draft', '.');
  if (!rules.isShared) return;
  const { quant, devices } = settings;
  if (quant !== undefined) refuse('quant', ': its server has its own files.');
  if (isFilled(devices)) refuse('devices', ': its server has chosen its devices.');
}
