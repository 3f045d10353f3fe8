import { expect, test } from 'bun:test';

import { createScriptedEngine } from '@cortex/testkit';
import { z } from 'zod';

import { INITIAL_CREDIT } from '../src/protocol/index.ts';
import { createChannelPair } from '../src/transport/channel-pair.ts';
import { serveEngine } from '../src/transport/serve-engine.ts';
import { scriptedProcess } from './fixtures/engines.ts';
import { chatOf, eventsOf, never, SPEC, textOf } from './fixtures/requests.ts';

const Items = z.array(z.looseObject({ id: z.string() }));
const Message = z.looseObject({ kind: z.string(), id: z.string().optional() });

const nothing = () => undefined;

/** The owner's end of a served scripted engine that has loaded, with everything that came. */
async function serveScripted() {
  const [owner, served] = createChannelPair();
  const engine = createScriptedEngine();
  const messages: z.infer<typeof Message>[] = [];
  let onMessage: () => void = nothing;
  owner.open({
    onMessage: (message) => {
      messages.push(Message.parse(message));
      onMessage();
    },
    onEnd: () => undefined,
  });
  const finished = serveEngine(engine, served);
  await engine.load(SPEC, () => undefined, never());
  owner.send({ kind: 'hello', protocol: 1, name: 'test', version: '1' });
  return {
    engine,
    messages,
    finished,
    send: (message: object) => owner.send(message),
    until: (holds: () => boolean) =>
      new Promise<void>((resolve) => {
        onMessage = () => {
          if (holds()) resolve();
        };
        onMessage();
      }),
    itemsOf: (id: string) =>
      messages
        .filter((message) => message.kind === 'step')
        .flatMap((message) => Items.parse(message['items']))
        .filter((item) => item.id === id),
    ofKind: (kind: string) => messages.filter((message) => message.kind === kind),
  };
}

const generate = (id: string, tokens: number) => {
  const { body, principal } = chatOf(tokens);
  return { kind: 'generate', id, route: 'chat', body, principal, request_id: id, credit: 64 };
};

test('an engine sends 64 items and then waits for credit', async () => {
  const served = await serveScripted();
  served.send(generate('a', 200));
  await served.until(() => served.itemsOf('a').length === INITIAL_CREDIT);
  served.send(generate('b', 20));
  await served.until(() => served.ofKind('done').length === 1);
  expect(served.itemsOf('a').length).toBe(INITIAL_CREDIT);

  served.send({ kind: 'credit', id: 'a', n: 10 });
  await served.until(() => served.itemsOf('a').length === INITIAL_CREDIT + 10);
  served.send({ kind: 'credit', id: 'a', n: 1_000 });
  await served.until(() => served.ofKind('done').length === 2);

  expect(served.itemsOf('a').length).toBe(200);
  served.send({ kind: 'close', grace_ms: 0 });
  await served.finished;
});

test('one message carries the items of all requests of a step', async () => {
  const served = await serveScripted();

  for (const id of ['a', 'b', 'c', 'd']) served.send(generate(id, 30));
  await served.until(() => served.ofKind('done').length === 4);

  const steps = served.ofKind('step').map((message) => Items.parse(message['items']));
  const widest = steps.map((items) => new Set(items.map((item) => item.id)).size);
  expect(Math.max(...widest)).toBe(4);
  expect(steps.length).toBeLessThan(40);
  served.send({ kind: 'close', grace_ms: 0 });
  await served.finished;
});

test('a request that is cancelled before it is accepted gets only done', async () => {
  const served = await serveScripted();

  served.send(generate('a', 30));
  served.send({ kind: 'cancel', id: 'a' });
  await served.until(() => served.ofKind('done').length === 1);

  const kinds = served.messages.filter((message) => message.id === 'a');
  expect(kinds).toEqual([expect.objectContaining({ kind: 'done', finish: 'cancelled', id: 'a' })]);
  served.send({ kind: 'close', grace_ms: 0 });
  await served.finished;
});

test('an engine survives a malformed request, a failing call and an unknown kind', async () => {
  const served = await serveScripted();

  served.send({ kind: 'generate', id: 'bad' });
  served.send({ kind: 'embed', id: 'e', inputs: ['x'] });
  served.send({ kind: 'count', id: 'c', body: { messages: 3 } });
  served.send({ kind: 'song' });
  served.send(generate('good', 2));
  await served.until(() => served.ofKind('done').length === 1);

  const errors = Object.fromEntries(
    served.ofKind('error').map((message) => [message.id, message['code']]),
  );
  expect(errors).toEqual({ bad: 'internal_error', e: 'wrong_modality', c: 'invalid_request' });
  served.send({ kind: 'close', grace_ms: 0 });
  await served.finished;
});

test('a consumer that never reads gets a bounded number of tokens', async () => {
  const engine = await scriptedProcess();
  const lazy = engine.generate(chatOf(500_000), never())[Symbol.asyncIterator]();
  await lazy.next();

  const busy = await eventsOf(engine.generate(chatOf(5_000), never()));
  const stats = await engine.stats();

  expect(busy.at(-1)).toMatchObject({ usage: { completionTokens: 5_000 } });
  expect(stats).toMatchObject({ busySlots: 1, runnableSlots: 0 });
  // The engine's own look-ahead and the credit of the channel.
  expect(stats.kvCellsUsed).toBeLessThan(2 * INITIAL_CREDIT + 16);
  await engine.close(0);
});

test('10,000 small steps arrive complete and in order', async () => {
  const engine = await scriptedProcess();
  const direct = createScriptedEngine();
  await direct.load(SPEC, () => undefined, never());

  const [events, expected] = await Promise.all([
    eventsOf(engine.generate(chatOf(10_000), never())),
    eventsOf(direct.generate(chatOf(10_000), never())),
  ]);

  expect(textOf(events)).toBe(textOf(expected));
  expect(events.at(-1)).toMatchObject({ usage: { completionTokens: 10_000 } });
  await engine.close(0);
});
