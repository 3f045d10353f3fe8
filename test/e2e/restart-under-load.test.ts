/** The gateway ends while it streams, by a crash or by its operator, and starts again in front of the same nodes. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import { NodeModels } from '@cortex/protocol';

import { askWhole, GOOD_ANSWER, post } from './ask.ts';
import { type Fleet, measureNeed, startFleet } from './fleet.ts';
import { type Host } from './fleet-processes.ts';
import { eventually, modelEngines } from './processes.ts';

const MODELS = ['a', 'b'];
/** More than the two slots of a model, so that some wait on the node. */
const STREAMS_PER_MODEL = 3;
const LONG_ANSWER = { max_tokens: 900, ignore_eos: true };

let fleet: Fleet;

beforeAll(async () => {
  const memoryMib = Math.ceil(1.5 * (await measureNeed()));
  fleet = await startFleet({
    hosts: [
      { name: 'one', memoryMib },
      { name: 'two', memoryMib },
    ],
    models: MODELS,
    cortexToml: 'shutdown_grace_s = 0.5\n',
  });
  await Promise.all(MODELS.map((model) => askWhole(fleet.api, { model })));
}, 60_000);
afterAll(async () => {
  await fleet[Symbol.asyncDispose]();
});

interface ClientStream {
  /** What has arrived. */
  readonly text: string;
  /** Whether the connection ended without the end of the answer. */
  readonly isBroken: boolean;
}

/** A long stream; `onContent` is called at its first token. */
async function stream(model: string, onContent: () => void): Promise<ClientStream> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    const response = await post(fleet.api, { model, stream: true, ...LONG_ANSWER });
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes, { stream: true });
      if (text.includes('"content":"')) onContent();
    }
    return { text, isBroken: false };
  } catch {
    return { text, isBroken: true };
  }
}

const isAnswered = ({ text }: ClientStream): boolean => text.includes('"finish_reason":"length"');

/** Streams and answers under way on both nodes. */
async function load() {
  const running = MODELS.flatMap((model) =>
    Array.from({ length: STREAMS_PER_MODEL }, () => {
      const first = Promise.withResolvers<void>();
      return { model, first: first.promise, ended: stream(model, first.resolve) };
    }),
  );
  const whole = Promise.allSettled(
    MODELS.map((model) => post(fleet.api, { model, ...LONG_ANSWER })),
  );
  const firstOf = (model: string) =>
    Promise.race(running.filter((one) => one.model === model).map(({ first }) => first));
  await Promise.all(MODELS.map(firstOf));
  return { streams: Promise.all(running.map(({ ended }) => ended)), whole };
}

/** What a node holds. A load, an unload or a crash would change it. */
async function holdings({ url, pid }: Host) {
  const answer = await fetch(`${url}/models`);
  const models = NodeModels.parse(await answer.json())
    .filter(({ status }) => status !== 'unloaded')
    .map(({ id, status, generation, loaded_at: loadedAt }) => ({
      id,
      status,
      generation,
      loadedAt,
    }));
  return { pid, models, engines: modelEngines(pid) };
}

const allHoldings = () => Promise.all(fleet.hosts.map(holdings));

/** Cancelled requests free their seats. */
const seatsFree = (): Promise<boolean> =>
  eventually(
    'free seats',
    async () => {
      const answers = await Promise.all(
        fleet.hosts.map(async ({ url }) => (await fetch(`${url}/health`)).text()),
      );
      return answers.every((text) => !/"(?:in_flight|queue_depth)":[1-9]/.test(text));
    },
    30_000,
  );

/** The first requests after a start, one per model. */
async function firstAnswers(): Promise<void> {
  const answers = await Promise.all(MODELS.map((model) => askWhole(fleet.api, { model })));
  for (const { choices } of answers) expect(choices[0]?.message.content).toMatch(GOOD_ANSWER);
}

describe('a gateway under load', () => {
  test('that is killed and started again breaks its streams, loads and unloads nothing, and answers the first request', async () => {
    const before = await allHoldings();
    const { streams, whole } = await load();

    await fleet.gateway.kill();
    const ended = await streams;
    await fleet.gateway.start();
    await firstAnswers();

    const cut = ended.filter((one) => !isAnswered(one));
    expect(cut.length).toBeGreaterThan(0);
    expect(cut.filter(({ text }) => text.includes('[DONE]'))).toEqual([]);
    expect(cut.filter(({ isBroken }) => !isBroken)).toEqual([]);
    expect((await whole).filter(({ status }) => status === 'fulfilled')).toEqual([]);
    await seatsFree();
    expect(await allHoldings()).toEqual(before);
    expect(before.flatMap(({ engines }) => engines)).toHaveLength(MODELS.length);
    expect(before.flatMap(({ models }) => models)).toHaveLength(MODELS.length);
  }, 60_000);

  test('that its operator restarts ends its streams with an answer or "shutting_down", and loads and unloads nothing', async () => {
    const before = await allHoldings();
    const { streams, whole } = await load();

    const code = await fleet.gateway.stop();
    const ended = await streams;
    await fleet.gateway.start();
    await firstAnswers();

    expect(code).toBe(0);
    expect(ended.filter(({ isBroken }) => isBroken)).toEqual([]);
    const cut = ended.filter((one) => !isAnswered(one));
    expect(cut.length).toBeGreaterThan(0);
    expect(cut.filter(({ text }) => !text.includes('"code":"shutting_down"'))).toEqual([]);
    // A stream that still waited for its node gets a status instead.
    const streamed = ended.filter(({ text }) => text.startsWith('data: ') || text.startsWith(':'));
    expect(streamed.filter(({ text }) => !text.endsWith('data: [DONE]\n\n'))).toEqual([]);
    for (const outcome of await whole) {
      if (outcome.status === 'rejected') throw outcome.reason;
      const { status } = outcome.value;
      if (status !== 200) expect(await outcome.value.text()).toContain('"code":"shutting_down"');
    }
    await seatsFree();
    expect(await allHoldings()).toEqual(before);
  }, 60_000);
});
