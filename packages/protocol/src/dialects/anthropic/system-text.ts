/**
 * Text that Claude Code puts into system messages and that is another one in each request. A prompt that differs at its
 * beginning is computed again from there, so it is removed. It means nothing to a model that is not Anthropic's.
 */

/** Lines at the head: `x-anthropic-billing-header: cc_version=…; cch=71fea;`. */
const HEADER_LINES = /^(?:\s*x-anthropic-[a-z-]+:[^\n]*(?:\n|$))+\s*/;

/** `Token usage: 35000/200000; 165000 remaining`, and the same of money; bare, or within tags of their own. */
const BUDGET_LINE =
  /^[ \t]*(?:<system_warning>)?(?:Token usage: \d+\/\d+; \d+ remaining|USD budget: \$[\d.]+\/\$[\d.]+; \$[\d.]+ remaining)(?:<\/system_warning>)?[ \t]*(?:\n|$)/gm;

const EMPTY_REMINDER = /<system-reminder>\s*<\/system-reminder>\n?/g;

/** The text of a system message without what changes from request to request. */
export function stableSystemText(text: string): string {
  const body = text.replace(HEADER_LINES, '');
  const stable = body.replace(BUDGET_LINE, '');
  return stable === body ? body : stable.replace(EMPTY_REMINDER, '').trimEnd();
}
