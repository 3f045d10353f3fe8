import type { UnderWay } from '@cortex/fleet';

/** What brings a model, for a client that waits: "loading MODEL on NODE … 40 %". */
export function waitNote(model: string, { state, node, progress }: UnderWay): string {
  if (state === 'waking') return `waking ${node} for ${model} …`;
  const percent = progress === undefined ? '' : ` ${Math.round(progress * 100)} %`;
  return `${state} ${model} on ${node} …${percent}`;
}
