import { describe, expect, test } from 'bun:test';

import type { Candidate } from '@cortex/fleet';

import { decisionText } from './decision-words.ts';
import { candidatesText, WORDS } from './words.ts';

describe('That requests avoid a node', () => {
  const circuit = {
    node: 'a',
    model: undefined,
    failures: 3,
    code: 'node_timeout',
    openForMs: 0,
    remainingMs: 12_000,
  };

  test('is said with the time that is left and the reason', () => {
    expect(WORDS.avoided(circuit)).toBe(
      'requests avoid it for 12 s more: 3 in a row failed, the last because it sent nothing for too long',
    );
  });

  test('is said of one model, and with the code that the node gave', () => {
    expect(WORDS.avoided({ ...circuit, model: 'm', code: 'internal_error' })).toBe(
      'requests for m avoid it for 12 s more: 3 in a row failed, the last because it answered with internal_error',
    );
  });

  test('is said differently once one of them may try it again', () => {
    expect(WORDS.avoided({ ...circuit, remainingMs: 0 })).toStartWith(
      'requests avoid it, except one that tries it again: ',
    );
  });

  test('is said in numbers where a load is explained', () => {
    const lacking = (have: number) =>
      candidatesText([
        {
          node: 'a',
          feasible: true,
          lacked: [{ what: 'circuit', need: 0, have, unit: 'ms' }],
          rank: [],
          load: 0,
        },
      ]);

    expect(lacking(4000)).toBe('a is avoided for 4.0 s more because it failed requests');
    expect(lacking(0)).toBe('a failed requests, and one is trying it again');
  });
});

test('What a node lacks of memory is said in whole MiB, and not less than none', () => {
  const lacking = (what: 'memory' | 'free_memory', have: number) =>
    candidatesText([
      {
        node: 'a',
        feasible: false,
        lacked: [{ what, need: 15_000.6, have, unit: 'MiB' }],
        rank: [],
        load: 0,
      },
    ]);

  expect(lacking('memory', 8000.333)).toBe('a has 8000 MiB for models, and 15001 MiB are needed');
  expect(lacking('free_memory', -0.2)).toBe('a has room for 0 of 15001 MiB beside what is in use');
});

describe('The models that hold the memory of a node', () => {
  const beside = (blockers: Candidate['blockers']) =>
    candidatesText([
      {
        node: 'a',
        feasible: false,
        lacked: [{ what: 'free_memory', need: 13, have: 9, unit: 'MiB' }],
        rank: [],
        load: 0,
        blockers,
      },
    ]);

  test('are named with why they stay', () => {
    expect(
      beside([
        { model: 'b', heldMib: 4.4, why: 'pinned' },
        { model: 'c', heldMib: 3, why: 'busy' },
        { model: 'd', heldMib: 2, why: 'priority' },
      ]),
    ).toBe(
      'a has room for 9 of 13 MiB beside b (pinned, 4 MiB), c (in use, 3 MiB) and d (of a higher priority, 2 MiB)',
    );
  });

  test('are named with how long they stay, if that is known', () => {
    expect(
      beside([
        { model: 'b', heldMib: 4, why: 'turn', forMs: 8000 },
        { model: 'c', heldMib: 3, why: 'held', forMs: 300 },
      ]),
    ).toBe(
      'a has room for 9 of 13 MiB beside b (loaded a moment ago, stays for 8.0 s more, 4 MiB) and c (kept for a conversation for 300 ms more, 3 MiB)',
    );
  });
});

test('A request that had to use a replica that requests avoid is told so', () => {
  const record = { by: 'load', load: 0, waitedMs: 0, replicas: 2, circuit: 'last_resort' } as const;

  expect(
    decisionText({
      requestId: 'req_1',
      model: 'm',
      askedNode: undefined,
      atMs: 0,
      outcome: { kind: 'granted', node: 'a', record },
      load: undefined,
    }),
  ).toEqual([
    'It went to a at once, one of 2 replicas: requests had failed there, and no other had room.',
  ]);
});
