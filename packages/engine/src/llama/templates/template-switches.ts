import type { TemplateMessage } from './template-message.ts';

/** What a template does with what a request may ask of it beside the conversation. */
export interface TemplateSwitches {
  /** Variables that switch thoughts on and off. */
  readonly thinking: readonly string[];
  /** It knows efforts, not only on and off. */
  readonly knowsEfforts: boolean;
  readonly knowsDocuments: boolean;
}

const SWITCHES = ['enable_thinking', 'thinking', 'reasoning'];
const EFFORTS = ['low', 'high', 'max'];

const messages: readonly TemplateMessage[] = [{ role: 'user', content: 'qzUser' }];
const document = { title: 'qzTitle', text: 'qzText', doc_id: 0 };

/** What the template behind `render` reads: whatever changes its prompt. Renders a dozen short conversations. */
export function readSwitches(
  render: (variables: Readonly<Record<string, unknown>>) => string,
): TemplateSwitches {
  const prompt = (variables: object): string | undefined => {
    try {
      return render({ messages, ...variables });
    } catch {
      return undefined;
    }
  };
  /** Whether the prompts differ among each other, as far as there are any. */
  const differ = (...variants: readonly object[]): boolean =>
    new Set(variants.map(prompt).filter((text) => text !== undefined)).size > 1;
  const thinking = SWITCHES.filter((name) => differ({ [name]: true }, { [name]: false }));
  const on = Object.fromEntries(thinking.map((name) => [name, true]));
  return {
    thinking,
    knowsEfforts: differ(...EFFORTS.map((effort) => ({ ...on, reasoning_effort: effort }))),
    knowsDocuments: prompt({ documents: [document] })?.includes(document.text) === true,
  };
}

/** The variables by which `switches` are told what a request wants of thoughts. */
export function thinkingVariables(
  { isOn, effort }: { readonly isOn: boolean | undefined; readonly effort: string | undefined },
  { thinking, knowsEfforts }: TemplateSwitches,
): Readonly<Record<string, unknown>> {
  const variables: Record<string, unknown> = {};
  if (effort !== undefined) variables['reasoning_effort'] = effort;
  if (isOn === undefined) return variables;
  // An effort that the template knows by itself is thought with, however small it is.
  const isMeant = knowsEfforts && effort !== undefined ? effort !== 'none' : isOn;
  for (const name of ['enable_thinking', ...thinking]) variables[name] = isMeant;
  return variables;
}
