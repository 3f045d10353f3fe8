import { CortexError } from '@cortex/protocol';

import type { Harness, HarnessModel } from '../harness/harness.ts';
import type { LoadSettings } from '../harness/load-settings.ts';

/**
 * The quantisation in the file name may be missing or wrong.
 *
 * @throws CortexError `model_load_failed` if the model, which is then unloaded, has another one
 */
export async function checkQuant(
  model: HarnessModel,
  { quant }: LoadSettings,
  harness: Harness,
): Promise<void> {
  if (quant === undefined || model.quant === undefined) return;
  if (model.quant.toUpperCase() === quant.toUpperCase()) return;
  await harness.unloadModel(model.id);
  throw new CortexError(
    'model_load_failed',
    `The file of ${model.id} is ${model.quant}, not ${quant}.`,
    { param: 'quant' },
  );
}
