import { describe, expect, test } from 'bun:test';

import type { AnswerEvent } from './answer-event.ts';
import { AnswerReader } from './read-answer.ts';

let made = 0;
const newCallId = (): string => `made_${(made += 1)}`;

interface Call {
  readonly index?: number;
  readonly id?: string;
  readonly name?: string;
  readonly arguments?: unknown;
}

/** A chunk with these members in its delta. */
const delta = (members: object, choice: object = {}): object => ({
  choices: [{ index: 0, delta: members, ...choice }],
});
const calls = (...parts: readonly Call[]): object =>
  delta({
    tool_calls: parts.map(({ index, id, name, arguments: text }) => ({
      index,
      id,
      function: { name, arguments: text },
    })),
  });
const ended = (reason = 'stop', choice: object = {}): object =>
  delta({}, { finish_reason: reason, ...choice });

function read(...chunks: readonly object[]): readonly AnswerEvent[] {
  made = 0;
  const reader = new AnswerReader(newCallId);
  return [...chunks.flatMap((chunk) => [...reader.push(chunk)]), ...reader.end()];
}

/** The blocks as short text, and whether one is open at a time. */
function blocksOf(events: readonly AnswerEvent[]): string[] {
  const blocks: string[] = [];
  let isOpen = false;
  for (const event of events) {
    if (event.kind === 'open') {
      expect(isOpen).toBe(false);
      isOpen = true;
      const { block } = event;
      blocks.push(block.type === 'call' ? `${block.name}#${block.id} ` : `${block.type} `);
    } else if (event.kind === 'delta') {
      expect(isOpen).toBe(true);
      blocks[blocks.length - 1] += event.text;
    } else if (event.kind === 'close') isOpen = false;
  }
  expect(isOpen).toBe(false);
  return blocks;
}

const finishOf = (events: readonly AnswerEvent[]): unknown => {
  const last = events.at(-1);
  return last?.kind === 'finish' ? last.finish : undefined;
};

describe('The blocks of an answer', () => {
  test('are thoughts, text and calls in this order, also where one chunk has all three', () => {
    const events = read(
      delta({
        role: 'assistant',
        content: 'b',
        reasoning_content: 'a',
        tool_calls: [{ index: 0, id: 'x', function: { name: 'f', arguments: '{}' } }],
      }),
      ended('tool_calls'),
    );

    expect(blocksOf(events)).toEqual(['reasoning a', 'text b', 'f#x {}']);
  });

  test('keep the text of the first chunk, of one with a finish reason, and of `reasoning`', () => {
    const events = read(
      delta({ role: 'assistant', content: 'He' }),
      delta({ content: 'llo', reasoning: '' }, { finish_reason: 'stop' }),
      { choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } },
    );

    expect(blocksOf(events)).toEqual(['text Hello']);
    expect(events.at(-1)).toMatchObject({ usage: { prompt_tokens: 5 } });
  });

  test('keep a refusal, which is a block of its own', () => {
    const events = read(
      delta({ role: 'assistant', content: 'Well.', refusal: null }),
      delta({ refusal: 'I ' }),
      delta({ refusal: 'cannot.' }),
      ended(),
    );

    expect(blocksOf(events)).toEqual(['text Well.', 'refusal I cannot.']);
  });

  test('are none for empty or missing members', () => {
    const nothing = delta({ content: null, reasoning_content: '', tool_calls: [] });

    expect(blocksOf(read(nothing, delta({ content: '' }), ended()))).toEqual([]);
  });

  test('begin again with text after a call', () => {
    const call = calls({ index: 0, id: 'x', name: 'f', arguments: '{}' });

    expect(blocksOf(read(delta({ content: 'a' }), call, delta({ content: 'b' }), ended()))).toEqual(
      ['text a', 'f#x {}', 'text b'],
    );
  });

  test('are sent as they come', () => {
    const reader = new AnswerReader(newCallId);

    expect([...reader.push(delta({ content: 'a' }))]).toHaveLength(2);
    expect([...reader.push(delta({ content: 'b' }))]).toEqual([{ kind: 'delta', text: 'b' }]);
    const opened = [...reader.push(calls({ index: 0, id: 'x', name: 'f', arguments: '{"a"' }))];
    expect(opened.map(({ kind }) => kind)).toEqual(['close', 'open', 'delta']);
    const [more] = [...reader.push(calls({ index: 0, arguments: ':1}' }))];
    expect(more).toEqual({ kind: 'delta', text: ':1}' });
  });
});

describe('Calls', () => {
  test.each<[string, readonly object[], readonly string[]]>([
    [
      'with arguments in pieces',
      [
        calls({ index: 0, id: 'x', name: 'f', arguments: '' }),
        calls({ index: 0, arguments: '{"a":' }),
        calls({ index: 0, arguments: '1}' }),
      ],
      ['f#x {"a":1}'],
    ],
    [
      'with everything in one chunk',
      [calls({ index: 0, id: 'x', name: 'f', arguments: '{"a":1}' })],
      ['f#x {"a":1}'],
    ],
    [
      'whose deltas alternate',
      [
        calls({ index: 0, id: 'x', name: 'f', arguments: '{"a"' }),
        calls({ index: 1, id: 'y', name: 'g', arguments: '{"b"' }),
        calls({ index: 0, arguments: ':1}' }),
        calls({ index: 1, arguments: ':2}' }),
      ],
      ['f#x {"a":1}', 'g#y {"b":2}'],
    ],
    [
      'that are whole in one delta',
      [
        calls(
          { index: 0, id: 'x', name: 'f', arguments: '{}' },
          { index: 1, id: 'y', name: 'f', arguments: '{}' },
        ),
      ],
      ['f#x {}', 'f#y {}'],
    ],
    [
      'with id and name in each chunk',
      [
        calls({ index: 0, id: 'x', name: 'f', arguments: '{"a"' }),
        calls({ index: 0, id: 'x', name: 'f', arguments: ':1}' }),
      ],
      ['f#x {"a":1}'],
    ],
    [
      'with id and name in each chunk, also behind the last argument',
      [
        calls({ index: 0, id: 'x', name: 'f', arguments: '{"a":1}' }),
        calls({ index: 0, id: 'x', name: 'f', arguments: '' }),
      ],
      ['f#x {"a":1}'],
    ],
    [
      'with a name in pieces, and one after the id',
      [
        calls({ index: 0, id: 'x' }),
        calls({ index: 0, name: 'get_' }),
        calls({ index: 0, name: 'time' }),
        calls({ index: 0, arguments: '{}' }),
      ],
      ['get_time#x {}'],
    ],
    [
      'without an id',
      [calls({ index: 0, name: 'f', arguments: '{}' }, { index: 1, name: 'g', arguments: '{}' })],
      ['f#made_1 {}', 'g#made_2 {}'],
    ],
    [
      'with one id for two',
      [
        calls(
          { index: 0, id: 'x', name: 'f', arguments: '{}' },
          { index: 1, id: 'x', name: 'g', arguments: '{}' },
        ),
      ],
      ['f#x {}', 'g#made_1 {}'],
    ],
    [
      'without an index',
      [
        calls({ id: 'x', name: 'f', arguments: '{"a"' }),
        calls({ arguments: ':1}' }),
        calls({ id: 'y', name: 'g', arguments: '{}' }),
      ],
      ['f#x {"a":1}', 'g#y {}'],
    ],
    [
      'that all have the index 0',
      [
        calls({ index: 0, id: 'x', name: 'f', arguments: '{}' }),
        calls({ index: 0, id: 'y', name: 'g', arguments: '{}' }),
      ],
      ['f#x {}', 'g#y {}'],
    ],
    [
      'that all have the index 0 and no id',
      [
        calls({ index: 0, name: 'f', arguments: '{}' }),
        calls({ index: 0, name: 'g', arguments: '{}' }),
      ],
      ['f#made_1 {}', 'g#made_2 {}'],
    ],
    ['without arguments', [calls({ index: 0, id: 'x', name: 'f', arguments: '' })], ['f#x {}']],
    [
      'whose arguments are an object',
      [calls({ index: 0, id: 'x', name: 'f', arguments: { a: 1 } })],
      ['f#x {"a":1}'],
    ],
    [
      'in the older form',
      [delta({ function_call: { name: 'f' } }), delta({ function_call: { arguments: '{}' } })],
      ['f#made_1 {}'],
    ],
    [
      'with text between the parts of one',
      [
        calls({ index: 0, id: 'x', name: 'f', arguments: '{"a"' }),
        delta({ content: 'hm' }),
        calls({ index: 0, arguments: ':1}' }),
      ],
      ['f#x {"a":1}', 'text hm'],
    ],
    [
      'that are closed get nothing more',
      [
        calls({ index: 0, id: 'x', name: 'f', arguments: '{}' }),
        calls({ index: 1, id: 'y', name: 'g', arguments: '{}' }),
        calls({ index: 0, arguments: '' }),
      ],
      ['f#x {}', 'g#y {}'],
    ],
  ])('%s', (_, chunks, expected) => {
    const events = read(...chunks, ended('tool_calls'));

    expect(blocksOf(events)).toEqual([...expected]);
    expect(finishOf(events)).toEqual({ reason: 'calls' });
  });
});

describe('The end of an answer', () => {
  const call = calls({ index: 0, id: 'x', name: 'f', arguments: '{}' });

  test.each<[string, readonly object[], unknown]>([
    ['stop', [ended('stop')], { reason: 'stop' }],
    ['an unknown reason', [ended('eos')], { reason: 'stop' }],
    ['length', [ended('length')], { reason: 'length' }],
    ['content_filter', [ended('content_filter')], { reason: 'filter' }],
    ['stop after a refusal', [delta({ refusal: 'No.' }), ended('stop')], { reason: 'refusal' }],
    ['a call after a refusal', [delta({ refusal: 'No.' }), call, ended()], { reason: 'calls' }],
    ['a limit in a refusal', [delta({ refusal: 'N' }), ended('length')], { reason: 'length' }],
    ['stop after calls', [call, ended('stop')], { reason: 'calls' }],
    ['function_call', [call, ended('function_call')], { reason: 'calls' }],
    ['tool_calls without a call', [ended('tool_calls')], { reason: 'stop' }],
    [
      'a stop sequence',
      [ended('stop', { stop_reason: 'END' })],
      { reason: 'stop_sequence', sequence: 'END' },
    ],
    ['a token that ends the answer', [ended('stop', { stop_reason: 128_009 })], { reason: 'stop' }],
  ])('by %s', (_, chunks, expected) => {
    expect(finishOf(read(...chunks))).toEqual(expected);
  });

  test.each<[string, object, string]>([
    ['tokens that fill it', { contextTokens: 30 }, 'context'],
    ['tokens that leave room', { contextTokens: 31 }, 'length'],
    ['a size that nobody knows', {}, 'length'],
  ])('names the full context by %s', (_, options, reason) => {
    const reader = new AnswerReader(newCallId, options);
    const usage = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 };

    const events = [...reader.push({ ...ended('length'), usage }), ...reader.end()];

    expect(finishOf(events)).toEqual({ reason });
  });

  test.each<[string, object, object]>([
    [
      'an error of a neuron',
      { error: { message: 'Full.', code: 'queue_full', status: 503, retry_after_s: 7 } },
      { code: 'queue_full', message: 'Full.', status: 503, retryAfterS: 7 },
    ],
    [
      'a load that may work later',
      { error: { message: 'Died.', code: 'model_load_failed', status: 503 } },
      { code: 'model_load_failed', status: 503 },
    ],
    [
      'an error with a status as its code',
      { error: { message: 'Slow down.', code: 429 } },
      { code: 'rate_limit_exceeded' },
    ],
    ['a failure as its reason', ended('error'), { code: 'node_protocol_error', status: 502 }],
    ['an aborted answer', ended('abort'), { code: 'upstream_disconnected', status: 502 }],
    ['the same in the past', ended('aborted'), { code: 'upstream_disconnected' }],
    ['a cancelled answer', ended('cancelled'), { code: 'upstream_disconnected' }],
    [
      'a server that is full',
      ended('insufficient_system_resource'),
      { code: 'no_capacity', status: 503, retryAfterS: 1 },
    ],
    ['an error that is text', { error: 'Broken.' }, { message: 'Broken.', status: 502 }],
    ['an error without an envelope', { object: 'error', message: 'Broken.' }, { status: 502 }],
    ['an error that says nothing', { error: {} }, { code: 'node_protocol_error' }],
  ])('is %s, and nothing follows', (_, chunk, expected) => {
    const events = read(delta({ content: 'a' }), chunk, delta({ content: 'b' }), ended());

    const last = events.at(-1);
    expect(last?.kind === 'error' ? last.error : undefined).toMatchObject(expected);
    expect(events).toHaveLength(3);
  });

  test('is missing where the node gave no reason', () => {
    const events = read(delta({ content: 'cut' }));

    expect(finishOf(events)).toBeUndefined();
  });
});

test('a whole answer has the same blocks', () => {
  const reader = new AnswerReader(newCallId);
  const message = {
    content: 'b',
    reasoning_content: 'a',
    tool_calls: [{ id: 'x', type: 'function', function: { name: 'f', arguments: '' } }],
  };
  const answer = { choices: [{ index: 0, message, finish_reason: 'tool_calls' }] };

  const events = [...reader.pushWhole(answer), ...reader.end()];

  expect(blocksOf(events)).toEqual(['reasoning a', 'text b', 'f#x {}']);
});

test('a whole answer without a reason has ended, and its content may be parts', () => {
  const reader = new AnswerReader(newCallId);
  const content = [
    { type: 'text', text: 'a' },
    { type: 'text', text: 'b' },
  ];

  const events = [...reader.pushWhole({ choices: [{ message: { content } }] }), ...reader.end()];

  expect(blocksOf(events)).toEqual(['text ab']);
  expect(finishOf(events)).toEqual({ reason: 'stop' });
});

describe('A long call', () => {
  const COUNT = 20_000;
  const argument = '"0123456789abcdef0123456789abcdef",';

  test.each<[string, (at: number) => readonly Call[]]>([
    ['whose parts repeat its name', () => [{ index: 0, id: 'a', name: 'f', arguments: argument }]],
    [
      'while another one is complete in its parts',
      () => [
        { index: 0, arguments: argument },
        { index: 1, id: 'b', name: 'g', arguments: ' ' },
      ],
    ],
  ])('is read in a time in proportion to its length: %s', (_, part) => {
    const startedMs = performance.now();
    const events = read(
      calls({ index: 0, id: 'a', name: 'f', arguments: '{"x":[' }),
      ...Array.from({ length: COUNT }, (_unused, at) => calls(...part(at))),
      calls({ index: 0, arguments: '0]}' }),
      ended('tool_calls'),
    );

    expect(events.length).toBeGreaterThan(COUNT);
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});
