import { expect, onTestFinished, spyOn, test } from 'bun:test';

import { createChannelPair } from './channel-pair.ts';

/** What is thrown in microtasks, which would end the process. */
function catchThrown(): unknown[] {
  const thrown: unknown[] = [];
  const queue = globalThis.queueMicrotask;
  const spy = spyOn(globalThis, 'queueMicrotask').mockImplementation((task) =>
    queue(() => {
      try {
        task();
      } catch (error) {
        thrown.push(error);
      }
    }),
  );
  onTestFinished(() => spy.mockRestore());
  return thrown;
}

/** A receiver that notes what it gets, and throws at messages that ask for it. */
function createReceiver() {
  const got: unknown[] = [];
  const ended = Promise.withResolvers<string>();
  return {
    got,
    ended: ended.promise,
    onMessage: (message: unknown) => {
      got.push(message);
      if (typeof message === 'object' && message !== null && 'bad' in message)
        throw new Error('cannot take that');
    },
    onEnd: (cause: string) => ended.resolve(cause),
  };
}

test('messages arrive in order, including those sent before the channel opened, then the end', async () => {
  const [left, right] = createChannelPair();
  const receiver = createReceiver();
  left.send({ n: 1 });
  left.send({ n: 2 });
  right.open(receiver);
  left.send({ n: 3 });
  await left.close(0);

  expect(await receiver.ended).toBe('the other side closed the channel');
  expect(receiver.got).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
});

test('a receiver that throws still gets later messages and the end', async () => {
  const thrown = catchThrown();
  const [left, right] = createChannelPair();
  const receiver = createReceiver();
  right.open(receiver);
  left.send({ bad: 1 });
  left.send({ n: 2 });
  left.send({ bad: 3 });
  await left.close(0);

  expect(await receiver.ended).toBe('the other side closed the channel');
  expect(receiver.got).toEqual([{ bad: 1 }, { n: 2 }, { bad: 3 }]);
  expect(thrown).toHaveLength(2);
});
