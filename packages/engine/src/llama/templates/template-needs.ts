import { adaptMessages, adaptTools, type TemplateNeeds } from './adapt-messages.ts';
import type { TemplateMessage } from './template-message.ts';

export type RenderText = (variables: {
  readonly messages: readonly TemplateMessage[];
  readonly tools?: readonly unknown[];
}) => string;

const NONE: TemplateNeeds = {
  systemAsUser: false,
  systemJoined: false,
  lateSystemAsUser: false,
  rolesAlternate: false,
  emptyText: false,
  shortIds: false,
  argumentsAsText: false,
  singleCalls: false,
  textApart: false,
  wholeTools: false,
  reasoningMember: 'reasoning_content',
  showsTools: true,
};

// Words that no template contains.
const user = { role: 'user', content: 'qzUser' };
const system = { role: 'system', content: 'qzSystem' };
const later = { role: 'system', content: 'qzLater' };
const said = { role: 'assistant', content: 'qzSaid' };
const call = (id: string, value: string) => ({
  id,
  type: 'function',
  function: { name: 'qz_tool', arguments: { place: value } },
});
const called = { role: 'assistant', content: null, tool_calls: [call('call_0123456789', 'qzOne')] };
const calledTwice = { ...called, tool_calls: [...called.tool_calls, call('call_qz', 'qzTwo')] };
const result = {
  role: 'tool',
  name: 'qz_tool',
  tool_call_id: 'call_0123456789',
  content: 'qzFound',
};
const otherResult = { ...result, tool_call_id: 'call_qz', content: 'qzMore' };
const tool = {
  type: 'function',
  function: {
    name: 'qz_tool',
    description: 'qz',
    parameters: { type: 'object', properties: { place: { type: 'string' } }, required: ['place'] },
  },
};
const bareTool = { type: 'function', function: { name: 'qz_tool' } };

/** Members from which templates read reasoning. */
const REASONING_MEMBERS = ['reasoning_content', 'thinking', 'reasoning', 'thought'];

/** Detects the needs of the template of `render`. Renders about twenty short conversations, half a millisecond each. */
export function readNeeds(render: RenderText): TemplateNeeds {
  let needs = NONE;
  const shows = (probe: Probe, change: Partial<TemplateNeeds> = {}): boolean =>
    showsAll(render, probe, { ...needs, ...change });
  /** If the probe fails unchanged, applies the first of `changes` with which all of it is rendered. */
  const settle = (probe: Probe, ...changes: readonly Partial<TemplateNeeds>[]): void => {
    if (shows(probe)) return;
    needs = { ...needs, ...changes.find((change) => shows(probe, change)) };
  };

  settle(
    { messages: [user, said, user, user], words: ['qzUser', 'qzSaid'] },
    { rolesAlternate: true },
  );
  settle({ messages: [system, user], words: ['qzSystem', 'qzUser'] }, { systemAsUser: true });
  settle(
    { messages: [system, later, user], words: ['qzSystem', 'qzLater', 'qzUser'] },
    { systemJoined: true },
  );
  settle(
    { messages: [system, user, said, later, user], words: ['qzSystem', 'qzSaid', 'qzLater'] },
    { lateSystemAsUser: true },
  );
  const tools = [tool];
  settle(
    { messages: [user, called, result, said, user], tools, words: ['qzOne', 'qzFound', 'qzSaid'] },
    ...combinations(['emptyText', 'shortIds', 'argumentsAsText']),
  );
  const results = [result, otherResult];
  settle(
    {
      messages: [user, calledTwice, ...results],
      tools,
      words: ['qzOne', 'qzTwo', 'qzFound', 'qzMore'],
    },
    { singleCalls: true },
  );
  settle(
    {
      messages: [user, { ...called, content: 'qzText' }, result],
      tools,
      words: ['qzOne', 'qzFound'],
    },
    { textApart: true },
  );
  settle({ messages: [user], tools: [bareTool], words: ['qzUser'] }, { wholeTools: true });
  settle(
    {
      messages: [user, { ...called, reasoning_content: 'qzThought' }, result],
      tools,
      words: ['qzThought'],
    },
    ...REASONING_MEMBERS.map((reasoningMember) => ({ reasoningMember })),
  );
  return { ...needs, showsTools: shows({ messages: [user], tools, words: ['qz_tool'] }) };
}

interface Probe {
  readonly messages: readonly TemplateMessage[];
  readonly tools?: readonly unknown[];
  /** Texts that the prompt must contain. */
  readonly words: readonly string[];
}

function showsAll(render: RenderText, probe: Probe, needs: TemplateNeeds): boolean {
  try {
    const text = render({
      messages: adaptMessages(probe.messages, needs),
      ...(probe.tools !== undefined && { tools: adaptTools(probe.tools, needs) }),
    });
    // The model does not write arguments in the notation of another language or with a second level of quotes.
    return probe.words.every((word) => text.includes(word)) && !/\{'place|\{\\"place/.test(text);
  } catch {
    return false;
  }
}

/** Every set of needs, small ones first. */
function combinations(keys: readonly (keyof TemplateNeeds)[]): Partial<TemplateNeeds>[] {
  return keys
    .reduce<(readonly (keyof TemplateNeeds)[])[]>(
      (sets, key) => [...sets, ...sets.map((set) => [...set, key])],
      [[]],
    )
    .toSorted((a, b) => a.length - b.length)
    .map((set) => Object.fromEntries(set.map((key) => [key, true])));
}
