import { expect, test } from 'bun:test';
import fc from 'fast-check';

import { isJsonObject, type JsonObject } from '../../../json/json-object.ts';
import { toChatBody } from '../../neutral/to-chat-body.ts';
import { readMessagesRequest } from '../read-request.ts';

/** What is another one in each request of a session, although the conversation only grows. */
interface Drift {
  readonly nonce: string;
  readonly usedTokens: number;
  /** Which of the equal spellings a client chooses. */
  readonly spelling: number;
}

interface Call {
  readonly input: JsonObject;
  readonly result: unknown;
  readonly isError: boolean;
}

/** What the model said, and what the client answered. */
interface Step {
  readonly thought: string | undefined;
  readonly text: string;
  readonly calls: readonly Call[];
  /** A system turn: before the results, behind them, or none. */
  readonly note: 'before' | 'behind' | 'budget' | 'none';
  readonly said: string;
}

const header = ({ nonce }: Drift): string =>
  `x-anthropic-billing-header: cc_version=2.1.100.${nonce}; cc_entrypoint=cli; cch=${nonce};`;

const budget = ({ usedTokens }: Drift): string =>
  `Token usage: ${usedTokens}/200000; ${200_000 - usedTokens} remaining`;

function system(drift: Drift): unknown {
  const text = 'You are a coding agent.\nBe brief.';
  const spellings = [
    `${header(drift)}\n${text}`,
    [
      { type: 'text', text: header(drift) },
      { type: 'text', text, cache_control: { type: 'ephemeral' } },
    ],
    [{ type: 'text', text: `${text}\n${budget(drift)}` }],
  ];
  return spellings[drift.spelling % spellings.length];
}

const tools = (drift: Drift): unknown => [
  {
    name: 'Bash',
    description: 'Runs a command.',
    input_schema: { type: 'object', properties: { command: { type: 'string' } } },
    ...(drift.spelling % 2 === 0 && { cache_control: { type: 'ephemeral' } }),
  },
  { name: 'List', ...(drift.spelling % 2 === 1 && { defer_loading: true }) },
];

/** The same text as a string or as a block, with or without a mark for caches. */
function content(text: string, { spelling }: Drift): unknown {
  if (spelling % 3 === 0) return text;
  const mark = spelling % 3 === 1 ? { cache_control: { type: 'ephemeral' } } : {};
  return [{ type: 'text', text, ...mark }];
}

function assistant({ thought, text, calls }: Step, at: number, { spelling }: Drift): object {
  const signature = spelling % 2 === 0 ? { signature: `cortex_msg_${at}_0` } : {};
  return {
    role: 'assistant',
    content: [
      ...(thought === undefined ? [] : [{ type: 'thinking', thinking: thought, ...signature }]),
      ...(text === '' ? [] : [{ type: 'text', text }]),
      ...calls.map(({ input }, index) => ({
        type: 'tool_use',
        id: `call_${at}_${index}`,
        name: 'Bash',
        input,
      })),
    ],
  };
}

function user({ calls, said }: Step, at: number, drift: Drift): object {
  const results = calls.map(({ result, isError }, index) => ({
    type: 'tool_result',
    tool_use_id: `call_${at}_${index}`,
    content: result,
    is_error: isError,
  }));
  if (results.length === 0) return { role: 'user', content: content(said, drift) };
  return {
    role: 'user',
    content: [...results, ...(said === '' ? [] : [{ type: 'text', text: said }])],
  };
}

function stepMessages(step: Step, at: number, drift: Drift): readonly object[] {
  const note = { role: 'system', content: content(`Note ${at}.`, drift) };
  const tokens = { role: 'system', content: content(budget(drift), drift) };
  return [
    assistant(step, at, drift),
    ...(step.note === 'before' ? [note] : []),
    user(step, at, drift),
    ...(step.note === 'behind' ? [note] : []),
    ...(step.note === 'budget' ? [tokens] : []),
  ];
}

/** The bytes that a node gets for the conversation so far. */
function nodeBody(steps: readonly Step[], drift: Drift): JsonObject {
  const { chat } = readMessagesRequest({
    model: 'claude-local',
    max_tokens: 32_000,
    system: system(drift),
    tools: tools(drift),
    thinking: { type: 'adaptive' },
    messages: [
      { role: 'user', content: content('Fix the bug.', drift) },
      ...steps.flatMap((step, at) => stepMessages(step, at, drift)),
    ],
  });
  const body: unknown = JSON.parse(JSON.stringify(toChatBody(chat, { model: 'm', stream: true })));
  return isJsonObject(body) ? body : {};
}

const words = fc.string({ unit: 'grapheme', maxLength: 12 });
const image = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
};

const anyCall: fc.Arbitrary<Call> = fc.record({
  input: fc.dictionary(fc.constantFrom('command', 'b', 'a', '1'), fc.jsonValue({ maxDepth: 1 })),
  result: fc.oneof(
    words,
    words.map((text) => [{ type: 'text', text }]),
    words.map((text) => [{ type: 'text', text }, image]),
    fc.constantFrom(undefined, null, [], [image], [{ type: 'tool_reference', tool_name: 'List' }]),
  ),
  isError: fc.boolean(),
});

const anyStep: fc.Arbitrary<Step> = fc.record({
  thought: fc.option(words, { nil: undefined }),
  text: words,
  calls: fc.array(anyCall, { maxLength: 3 }),
  note: fc.constantFrom('before', 'behind', 'budget', 'none'),
  said: words,
});

const anyDrift: fc.Arbitrary<Drift> = fc.record({
  nonce: fc.stringMatching(/^[0-9a-f]{5}$/),
  usedTokens: fc.integer({ min: 0, max: 200_000 }),
  spelling: fc.nat(5),
});

test('the messages of each turn of a session are the beginning of those of the next, byte by byte', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(anyStep, anyDrift), { minLength: 1, maxLength: 6 }),
      anyDrift,
      (session, firstDrift) => {
        const steps = session.map(([step]) => step);
        const drifts = [firstDrift, ...session.map(([, drift]) => drift)];
        const bodies = drifts.map((drift, count) => nodeBody(steps.slice(0, count), drift));
        for (const [at, body] of bodies.slice(1).entries()) {
          const before = JSON.stringify(bodies[at]?.['messages']).slice(0, -1);
          const after = JSON.stringify(body['messages']);
          expect(after.slice(0, before.length)).toBe(before);
          const { messages: _, ...rest } = body;
          const { messages: _before, ...restBefore } = bodies[at] ?? {};
          expect(JSON.stringify(rest)).toBe(JSON.stringify(restBefore));
        }
      },
    ),
    { numRuns: 200 },
  );
});
