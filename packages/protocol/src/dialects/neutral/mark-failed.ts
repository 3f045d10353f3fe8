import type { Part } from './conversation.ts';

const FAILED = 'Error: ';

/** The result of a tool that has failed. OpenAI's form has no flag for that, so the text says it. */
export function markFailed(parts: readonly Part[]): readonly Part[] {
  const shown = parts.filter((part) => part.type !== 'text' || part.text !== '');
  const at = shown.findIndex(({ type }) => type === 'text');
  const first = shown[at];
  return first?.type === 'text'
    ? shown.with(at, { type: 'text', text: FAILED + first.text })
    : [{ type: 'text', text: `${FAILED}the tool failed.` }, ...shown];
}
