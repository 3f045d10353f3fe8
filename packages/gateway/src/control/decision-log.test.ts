import { describe, expect, test } from 'bun:test';

import { DecisionLog, type DecidedRequest } from './decision-log.ts';

const granted = (requestId: string, node = 'a'): DecidedRequest => ({
  requestId,
  model: 'm',
  askedNode: undefined,
  atMs: 4,
  outcome: {
    kind: 'granted',
    node,
    record: { by: 'load', load: 1, waitedMs: 2, replicas: 3 },
  },
  load: undefined,
});

describe('the log of decisions', () => {
  test('forgets a decision after 10,000 others, and finds the last of an id', () => {
    const log = new DecisionLog();
    log.decided(granted('old'));
    log.decided(granted('twice'));
    for (let other = 0; other < 9998; other += 1) log.decided(granted(`other ${other}`));
    expect(log.request('old')).toBeDefined();
    log.decided(granted('twice', 'b'));

    expect(log.request('old')).toBeUndefined();
    expect(log.request('twice')?.outcome).toMatchObject({ node: 'b' });
    expect(log.request('other 9997')).toBeDefined();
    expect(log.request('unknown')).toBeUndefined();
  });

  test('knows that a request went to a replica that had failed others', () => {
    const log = new DecisionLog();
    const ordinary = granted('ordinary');
    const record = { by: 'load', load: 1, waitedMs: 2, replicas: 3, circuit: 'probe' } as const;
    log.decided({
      ...ordinary,
      requestId: 'probe',
      outcome: { kind: 'granted', node: 'a', record },
    });
    log.decided(ordinary);

    expect(log.request('probe')?.outcome).toEqual({ kind: 'granted', node: 'a', record });
    expect(log.request('ordinary')?.outcome).toEqual(ordinary.outcome);
  });

  test('keeps nothing of the request that had the place before', () => {
    const log = new DecisionLog();
    const record = { model: 'm', node: 'a', candidates: [], victims: [], needMib: 1 } as const;
    const refused: DecidedRequest = {
      ...granted('refused'),
      askedNode: 'b',
      outcome: { kind: 'refused', message: 'no room', waitedMs: 7 },
      load: { atMs: 5, record: { ...record, why: 'waiting' } },
    };
    log.decided(refused);
    for (let other = 0; other < 9999; other += 1) log.decided(granted(`other ${other}`));
    expect(log.request('refused')).toEqual(refused);

    log.decided(granted('late'));
    log.decided(refused);

    expect(log.request('late')).toEqual(granted('late'));
    expect(log.request('refused')).toEqual(refused);
  });
});
