import type { StepItem } from '../engine/generate.ts';
import { isStepItem, type Message, readStepItem } from './from-engine.ts';

/** The output of one `step` for one request. */
export interface RequestStep {
  readonly id: string;
  readonly items: StepItem[];
}

/**
 * The items of a `step` by request. If the engine does not group them, a request appears more than once.
 *
 * Hand-written, because this is the hot path of the owner: it runs once per step and once per item.
 *
 * @throws TypeError when it is not a `step`.
 */
export function readStep({ items, ms }: Message): {
  readonly requests: readonly RequestStep[];
  readonly stepMs: number | undefined;
} {
  if (!Array.isArray(items)) throw new TypeError('items is no array');
  const requests: RequestStep[] = [];
  let current: RequestStep | undefined;
  for (const item of items) {
    if (!isStepItem(item)) throw new TypeError('an item is malformed');
    if (current?.id !== item.id) requests.push((current = { id: item.id, items: [] }));
    current.items.push(readStepItem(item));
  }
  return { requests, stepMs: typeof ms === 'number' ? ms : undefined };
}
