/**
 * What a node is sent for a turn is the beginning of what it is sent for the next, byte for byte: else it would compute
 * the whole conversation again.
 */
import { expect, test } from 'bun:test';

import * as fc from 'fast-check';

import { readResponsesRequest } from './responses.ts';
import { streamText } from './test/answer.ts';
import { checkEvents, type Item, parseEvents } from './test/event-rules.ts';

type Json = Readonly<Record<string, unknown>>;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const TOOLS = [
  { type: 'function', name: 'exec_command', strict: false, parameters: { type: 'object' } },
  { type: 'custom', name: 'apply_patch' },
  { type: 'web_search' },
  {
    type: 'namespace',
    name: 'mcp__git',
    tools: [
      { type: 'function', name: 'log' },
      { type: 'custom', name: 'commit' },
    ],
  },
];
/** As the model names them. */
const NODE_TOOLS = ['exec_command', 'apply_patch', 'mcp__git__log', 'mcp__git__commit'];

/** One answer of the model, and the results of its calls. */
interface Answer {
  readonly reasoning: string;
  readonly text: string;
  readonly calls: readonly { readonly tool: number; readonly text: string }[];
  readonly results: readonly (string | readonly Json[])[];
}

interface Session {
  readonly rounds: readonly {
    readonly user: readonly string[];
    readonly answers: readonly Answer[];
  }[];
  readonly summary: string | undefined;
  readonly include: readonly string[];
  /** What the client leaves out of the items that it returns. */
  readonly without: readonly string[];
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const result = fc.oneof(
  text,
  fc.array(
    text.map((value) => ({ type: 'input_text', text: value })),
    { maxLength: 2 },
  ),
);
const answer: fc.Arbitrary<Answer> = fc.record({
  reasoning: text,
  text,
  calls: fc.array(fc.record({ tool: fc.nat(3), text }), { maxLength: 3 }),
  results: fc.array(result, { minLength: 3, maxLength: 3 }),
});
const session: fc.Arbitrary<Session> = fc.record({
  rounds: fc.array(
    fc.record({
      user: fc.array(text, { minLength: 1, maxLength: 2 }),
      answers: fc.array(answer, { minLength: 1, maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  summary: fc.constantFrom(undefined, 'auto'),
  include: fc.constantFrom([], ['reasoning.encrypted_content']),
  without: fc.constantFrom([], ['id', 'status'], ['id', 'status', 'content']),
});

/** Arguments as the model writes them, in the form that the history has. */
const argumentsOf = ({ tool, text: value }: Answer['calls'][number]): string =>
  JSON.stringify(NODE_TOOLS[tool]?.match(/patch|commit/) ? { input: value } : { cmd: value });

/** The answer as a node streams it, with ids that no other answer has. */
function nodeStream({ reasoning, text: said, calls }: Answer, turn: number): Uint8Array {
  const deltas = [
    { reasoning_content: reasoning },
    { content: said },
    ...calls.map((call, index) => ({
      tool_calls: [
        {
          index,
          id: `call_${turn}_${index}`,
          function: { name: NODE_TOOLS[call.tool], arguments: argumentsOf(call) },
        },
      ],
    })),
  ];
  const chunks = deltas.map((delta) => ({ choices: [{ index: 0, delta }] }));
  const last = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
  return encoder.encode(
    [...chunks, last].map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(''),
  );
}

/** The message of the model that a node must find in the next request; undefined: it said nothing. */
function messageOf({ reasoning, text: said, calls }: Answer, turn: number): Json | undefined {
  if (reasoning === '' && said === '' && calls.length === 0) return undefined;
  const isOnlyThought = said === '' && calls.length === 0;
  return {
    role: 'assistant',
    content: said === '' && !isOnlyThought ? null : said,
    ...(reasoning !== '' && { reasoning_content: reasoning }),
    ...(calls.length > 0 && {
      tool_calls: calls.map((call, index) => ({
        id: `call_${turn}_${index}`,
        type: 'function',
        function: { name: NODE_TOOLS[call.tool], arguments: argumentsOf(call) },
      })),
    }),
  };
}

/** Items as the client sends them back. Thoughts stay in one member at least. */
function returned(item: Item, { without, summary, include }: Session): Json {
  const isKept = (member: string): boolean =>
    !without.includes(member) ||
    (member === 'content' &&
      (item.type !== 'reasoning' || (summary === undefined && include.length === 0)));
  return Object.fromEntries(Object.entries(item).filter(([member]) => isKept(member)));
}

/** The messages of each request of a session, and the answers after each. */
function* requestsOf(
  played: Session,
): Generator<{ readonly messages: readonly Json[]; readonly said: Json | undefined }> {
  const input: Json[] = [];
  let turn = 0;
  for (const { user, answers } of played.rounds) {
    for (const content of user) input.push({ type: 'message', role: 'user', content });
    for (const given of answers) {
      turn += 1;
      const request = readResponsesRequest(
        encoder.encode(
          JSON.stringify({
            instructions: 'You are Codex.',
            input,
            tools: TOOLS,
            reasoning: { summary: played.summary },
            include: played.include,
            stream: true,
          }),
        ),
      );
      const { messages }: { readonly messages: readonly Json[] } = JSON.parse(
        decoder.decode(request.named('m')),
      );
      yield { messages, said: messageOf(given, turn) };
      const events = parseEvents(streamText(request, [nodeStream(given, turn)]));
      const { output } = checkEvents(events);
      input.push(...output.map((item) => returned(item, played)));
      const calls = output.filter((item) => 'call_id' in item);
      for (const [index, call] of calls.entries()) {
        const type = `${call.type}_output`;
        input.push({ type, call_id: call.call_id, output: given.results[index] });
      }
      // Only results, or a message of the user, ask for another answer.
      if (calls.length === 0) break;
    }
  }
}

test('each request of a session begins with the one before it and its answer', () => {
  fc.assert(
    fc.property(session, (played) => {
      let before: readonly unknown[] = [];
      for (const { messages, said } of requestsOf(played)) {
        expect(JSON.stringify(messages.slice(0, before.length))).toBe(JSON.stringify(before));
        before = said === undefined ? messages : [...messages, said];
      }
    }),
    { numRuns: 200 },
  );
});
