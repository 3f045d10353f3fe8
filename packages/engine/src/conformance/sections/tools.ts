import { expect, test } from 'bun:test';

import {
  type Answer,
  answerOf,
  ask,
  type Body,
  type ConformanceOptions,
  refusalOf,
  type Section,
} from '../subject.ts';

const tool = (name: string, argument: string) => ({
  type: 'function',
  function: {
    name,
    parameters: {
      type: 'object',
      properties: { [argument]: { type: 'integer', minimum: 0, maximum: 99 } },
      required: [argument],
      additionalProperties: false,
    },
  },
});

const OFFERED = [tool('add', 'a'), tool('multiply', 'm')];

export const tools: Section = (subject, options) => {
  test('an offered tool is called with JSON arguments', async () => {
    const { name, body } = toolCallOf(options);

    const answer = await answerOf(ask(subject().engine, body));

    const [call] = callsOf(answer);
    expect(call).toMatchObject({ name, id: expect.stringMatching(/\S/) });
    expect(JSON.parse(call?.arguments ?? '')).toBeObject();
    expect(answer.last.finish).toEqual([{ reason: 'tool_calls' }]);
  });

  test('offered tools are part of the prompt', async () => {
    const { engine } = subject();
    const { body } = toolCallOf(options);
    const { tools: offered, tool_choice: _choice, ...plain } = body;

    const [withTools, without] = await Promise.all(
      [body, plain].map((asked) => answerOf(ask(engine, { ...asked, max_tokens: 1 }))),
    );

    expect(offered).toBeArray();
    expect(withTools?.promptTokens ?? 0).toBeGreaterThanOrEqual(without?.promptTokens ?? 0);
  });

  if (!options.claims.includes('structured')) return;
  const choose = (choice: Body) =>
    ask(subject().engine, { ...toolCallOf(options).body, tools: OFFERED, ...choice });

  test('tool_choice "none" calls no tool', async () => {
    const answer = await answerOf(choose({ tool_choice: 'none', max_tokens: 30 }));

    expect(callsOf(answer)).toEqual([]);
  });

  test('tool_choice "required" calls a tool, whatever the question', async () => {
    const answer = await answerOf(choose({ tool_choice: 'required', parallel_tool_calls: false }));

    const calls = callsOf(answer);
    expect(calls).toHaveLength(1);
    expect(['add', 'multiply']).toContain(calls[0]?.name ?? '');
    expect(Object.values(JSON.parse(calls[0]?.arguments ?? ''))).toEqual([expect.any(Number)]);
    expect(answer.last.finish).toEqual([{ reason: 'tool_calls' }]);
  });

  test('a named tool_choice calls that tool once', async () => {
    const named = { type: 'function', function: { name: 'multiply' } };

    const calls = callsOf(await answerOf(choose({ tool_choice: named })));

    expect(calls).toHaveLength(1);
    expect(calls[0]?.name).toBe('multiply');
    expect(JSON.parse(calls[0]?.arguments ?? '')).toEqual({ m: expect.any(Number) });
  });

  test('a tool_choice that names no offered tool is refused', async () => {
    const named = { type: 'function', function: { name: 'divide' } };

    const refusal = await refusalOf(choose({ tool_choice: named }));

    expect(refusal).toMatchObject({ code: 'invalid_request', param: 'tool_choice' });
    expect(refusal.message).toContain('divide');
  });
};

function toolCallOf({ toolCall }: ConformanceOptions) {
  if (toolCall === undefined) throw new Error('`tools` is claimed: give `toolCall`');
  return toolCall;
}

interface Call {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
}

/** The tool calls that the deltas form. */
function callsOf({ items }: Answer): readonly Call[] {
  const calls: Call[] = [];
  for (const { tool: delta } of items) {
    if (delta === undefined) continue;
    const before = calls[delta.index] ?? { id: '', name: '', arguments: '' };
    calls[delta.index] = {
      id: before.id + (delta.id ?? ''),
      name: before.name + (delta.name ?? ''),
      arguments: before.arguments + (delta.arguments ?? ''),
    };
  }
  return calls;
}
