import type { TemplateMessage } from './template-message.ts';

/** The options of a request that a template supports in addition to the conversation. */
export interface TemplateSwitches {
  /** Variables that switch thinking on and off. */
  readonly thinking: readonly string[];
  /** It supports efforts, not only on and off. */
  readonly knowsEfforts: boolean;
  readonly knowsDocuments: boolean;
}

const SWITCHES = ['enable_thinking', 'thinking', 'reasoning'];
const EFFORTS = ['low', 'high', 'max'];

const messages: readonly TemplateMessage[] = [{ role: 'user', content: 'qzUser' }];
const document = { title: 'qzTitle', text: 'qzText', doc_id: 0 };

/** Detects what the template of `render` reads, by what changes its prompt. Renders a dozen short conversations. */
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
  /** Whether the prompts, if any, differ from each other. */
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

/** The variables that pass the thinking options of a request to a template with these `switches`. */
export function thinkingVariables(
  { isOn, effort }: { readonly isOn: boolean | undefined; readonly effort: string | undefined },
  { thinking, knowsEfforts }: TemplateSwitches,
): Readonly<Record<string, unknown>> {
  const variables: Record<string, unknown> = {};
  if (effort !== undefined) variables['reasoning_effort'] = effort;
  if (isOn === undefined) return variables;
  // An effort that the template supports means thinking on, even if it is small.
  const isMeant = knowsEfforts && effort !== undefined ? effort !== 'none' : isOn;
  for (const name of ['enable_thinking', ...thinking]) variables[name] = isMeant;
  return variables;
}
