import { CortexError } from '@cortex/protocol';

import type { EngineLoadSpec } from '../../engine/load.ts';
import type { Model } from '../binding.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { purposeOf } from './model-purpose.ts';
import { PooledModel } from './pooled-model.ts';
import { pooledSize } from './pooled-size.ts';

/**
 * The context of a model that embeds or ranks; undefined for one that generates text.
 *
 * @throws CortexError `model_load_failed` for settings that only models that generate text support.
 */
export async function loadPooled(
  { model, tokenizer }: { readonly model: Model; readonly tokenizer: Tokenizer },
  spec: EngineLoadSpec,
  wanted: {
    readonly slots: number;
    readonly contextTokens: number;
    readonly batchTokens: number;
  },
): Promise<PooledModel | undefined> {
  const purpose = purposeOf(model.use);
  if (purpose === 'generation') return undefined;
  if (spec.draft !== undefined) throw onlyForText('speculative decoding');
  if (spec.lora.length > 0) throw onlyForText('a LoRA adapter');
  const size = pooledSize(model.use, wanted);
  const context = await model.createContext({
    ...size,
    slots: 1,
    threads: spec.threads,
    kvType: spec.kvType,
    isBatchInvariant: spec.isBatchInvariant,
    pooled: purpose,
  });
  const { slots } = wanted;
  const { modelId } = spec;
  return new PooledModel({ model, tokenizer, context, size, purpose, slots, modelId });
}

const onlyForText = (what: string): CortexError =>
  new CortexError('model_load_failed', `${what}: is only for models that generate text`);
