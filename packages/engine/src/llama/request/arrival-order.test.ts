import { expect, test } from 'bun:test';

import { ArrivalOrder } from './arrival-order.ts';

test('a principal’s requests come in the order they were sent in, failures included; others do not wait', async () => {
  const order = new ArrivalOrder();
  const came: string[] = [];
  const send = (name: string, principal: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const done = order.inTurn(principal, promise).then(
      () => came.push(name),
      () => came.push(`${name} failed`),
    );
    return { resolve: () => resolve(name), reject: () => reject(new Error(name)), done };
  };
  const long = send('long', 'a');
  const broken = send('broken', 'a');
  const short = send('short', 'a');
  const other = send('other', 'b');

  short.resolve();
  broken.reject();
  other.resolve();
  await other.done;
  long.resolve();
  await Promise.all([long.done, broken.done, short.done]);

  expect(came).toEqual(['other', 'long', 'broken failed', 'short']);
});
