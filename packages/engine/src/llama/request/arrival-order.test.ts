import { expect, test } from 'bun:test';

import { ArrivalOrder } from './arrival-order.ts';

function setUp() {
  const order = new ArrivalOrder();
  const came: string[] = [];
  const send = (name: string, principal: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const abort = new AbortController();
    const done = order.inTurn(principal, promise, abort.signal).then(
      () => came.push(name),
      () => came.push(`${name} failed`),
    );
    return {
      resolve: () => resolve(name),
      reject: () => reject(new Error(name)),
      abort: () => abort.abort(),
      done,
    };
  };
  return { came, send };
}

test('requests of one principal keep their order, and other principals do not wait', async () => {
  const { came, send } = setUp();
  const long = send('long', 'a');
  const short = send('short', 'a');
  const other = send('other', 'b');

  short.resolve();
  other.resolve();
  await other.done;
  long.resolve();
  await Promise.all([long.done, short.done]);

  expect(came).toEqual(['other', 'long', 'short']);
});

test('a request that fails or is cancelled does not wait and does not block later ones', async () => {
  const { came, send } = setUp();
  const long = send('long', 'a');
  const broken = send('broken', 'a');
  const left = send('left', 'a');
  const last = send('last', 'a');

  left.resolve();
  last.resolve();
  broken.reject();
  await broken.done;
  left.abort();
  await left.done;
  long.resolve();
  await Promise.all([long.done, last.done]);

  expect(came).toEqual(['broken failed', 'left failed', 'long', 'last']);
});

test('a request that is cancelled during its preparation does not wait', async () => {
  const { came, send } = setUp();
  const long = send('long', 'a');
  const left = send('left', 'a');

  left.abort();
  left.resolve();
  await left.done;
  long.resolve();
  await long.done;

  expect(came).toEqual(['left failed', 'long']);
});

test('no request stays in memory while a principal sends requests without a pause', async () => {
  const order = new ArrivalOrder();
  const { signal } = new AbortController();
  const kept: WeakRef<object>[] = [];
  let release = (): void => undefined;
  let pending: Promise<unknown> = Promise.resolve();
  for (let index = 0; index < 100; index++) {
    const value = { index };
    kept.push(new WeakRef(value));
    const { promise, resolve } = Promise.withResolvers<object>();
    const turn = order.inTurn('a', promise, signal);
    release();
    await pending;
    release = () => resolve(value);
    pending = turn.then(() => undefined);
  }
  Bun.gc(true);
  await new Promise((resolve) => setImmediate(resolve));
  Bun.gc(true);

  // The garbage collector scans the stack conservatively, so it may keep a few by chance.
  expect(kept.filter((value) => value.deref() !== undefined).length).toBeLessThan(20);
});
