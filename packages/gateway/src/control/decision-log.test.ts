import { expect, test } from 'bun:test';

import { DecisionLog } from './decision-log.ts';

test('a decision is forgotten after 500 others, and the last of an id is found', () => {
  const log = new DecisionLog();
  const decide = (requestId: string, node: string): void =>
    log.decided({
      requestId,
      model: 'm',
      atMs: 0,
      outcome: {
        kind: 'granted',
        node,
        record: { by: 'load', load: 0, waitedMs: 0, replicas: 1 },
      },
    });

  decide('old', 'a');
  decide('twice', 'a');
  for (let other = 0; other < 498; other += 1) decide(`other ${other}`, 'a');
  expect(log.request('old')).toBeDefined();
  decide('twice', 'b');

  expect(log.request('old')).toBeUndefined();
  expect(log.request('twice')?.outcome).toMatchObject({ node: 'b' });
  expect(log.request('other 497')).toBeDefined();
  expect(log.request('unknown')).toBeUndefined();
});
