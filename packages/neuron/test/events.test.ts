import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';

import { type NodeEvent, parseNodeEvent, readEvents } from '@cortex/protocol';
import { createGate } from '@cortex/testkit';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';
import { describe, expect, test } from 'bun:test';

import { scriptedEngine, TestNeuron, until } from './test-neuron.ts';

type Event = ReturnType<typeof parseNodeEvent>;

/** Follows `/events` in the background and keeps what it says. */
class Follower implements AsyncDisposable {
  readonly events: Event[] = [];
  readonly #leaving = new AbortController();
  readonly #reading: Promise<void>;

  private constructor(response: Response) {
    this.#reading = this.#read(response);
  }

  static async of(neuron: TestNeuron): Promise<Follower> {
    const leaving = new AbortController();
    const response = await neuron.get('/events', { signal: leaving.signal });
    const follower = new Follower(response);
    follower.#leaving.signal.addEventListener('abort', () => leaving.abort());
    await follower.until(() => follower.events.length > 0);
    return follower;
  }

  /** The states of a model, in order. */
  states(id = 'tiny'): string[] {
    const found = this.#models(id).map(({ model }) => model.status);
    return found.filter((status, index) => status !== found[index - 1]);
  }

  last(id = 'tiny') {
    return this.#models(id).at(-1);
  }

  #models(id: string) {
    return this.events
      .filter((event): event is Extract<NodeEvent, { kind: 'model' }> => event.kind === 'model')
      .filter(({ model }) => model.id === id);
  }

  until(isSo: () => boolean): Promise<void> {
    return until(isSo);
  }

  async #read(response: Response): Promise<void> {
    if (!response.body) throw new Error('no body');
    try {
      for await (const events of readEvents(response.body)) {
        for (const { event, data } of events) this.events.push(parseNodeEvent(event, data));
      }
    } catch (error) {
      if (!this.#leaving.signal.aborted) throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#leaving.abort();
    await this.#reading.catch(() => undefined);
  }
}

const scripted = (options = {}) =>
  TestNeuron.start({ parts: { startEngine: scriptedEngine(options) } });

describe('GET /events', () => {
  test('begins with every model and device of the node', async () => {
    await using neuron = await scripted();

    await using follower = await Follower.of(neuron);

    expect(follower.events[0]).toMatchObject({
      kind: 'snapshot',
      draining: false,
      models: [{ id: 'tiny', status: 'unloaded' }],
      devices: [{ kind: 'cpu' }],
    });
  });

  test('reports every state of a load and an unload, with revisions that have no gap', async () => {
    await using neuron = await scripted();
    await using follower = await Follower.of(neuron);

    await neuron.load();
    await neuron.post('/models/unload', { model_id: 'tiny' });

    await follower.until(() => follower.states().at(-1) === 'unloaded');
    expect(follower.states()).toEqual(['loading', 'loaded', 'draining', 'unloading', 'unloaded']);
    const revisions = follower.events.map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.map((_revision, index) => (revisions[0] ?? 0) + index));
  });

  test('reports the progress of a load', async () => {
    const loadGate = createGate();
    await using neuron = await scripted({ loadGate });
    await using follower = await Follower.of(neuron);
    await neuron.post('/models/load', { model_id: 'tiny' });

    await follower.until(() => (follower.last()?.model.progress ?? 0) > 0);

    loadGate.open();
  });

  test('gives the seats of a model with its event', async () => {
    await using neuron = await scripted();
    await using follower = await Follower.of(neuron);

    await neuron.load({ slots: 3 });

    await follower.until(() => follower.states().at(-1) === 'loaded');
    expect(follower.last()?.load).toMatchObject({ max_in_flight: 3, in_flight: 0 });
  });

  test('reports the death and the return of an engine', async () => {
    let die = (): void => undefined;
    const start = scriptedEngine();
    await using neuron = await TestNeuron.start({
      parts: {
        startEngine: async (options) => {
          const started = await start(options);
          die = () => void started.connection.close(0);
          return started;
        },
        respawnPauseMs: () => 0,
      },
    });
    await neuron.load();
    await using follower = await Follower.of(neuron);

    die();

    await follower.until(() => follower.states().at(-1) === 'loaded');
    expect(follower.states()).toEqual(['recovering', 'loaded']);
  });

  test('reports a model file that appears, and one that goes away', async () => {
    await using neuron = await scripted();
    await using follower = await Follower.of(neuron);
    await Bun.write(`${neuron.modelsDir}/fresh.gguf`, 'GGUF');
    await neuron.post('/models/rescan', {});
    await follower.until(() => follower.states('fresh').includes('unloaded'));

    await Bun.file(`${neuron.modelsDir}/fresh.gguf`).delete();
    await neuron.post('/models/rescan', {});

    await follower.until(() => follower.events.at(-1)?.kind === 'model_gone');
  });

  test('reports a pin, and a drain that begins and ends', async () => {
    await using neuron = await scripted();
    await using follower = await Follower.of(neuron);

    await neuron.post('/models/tiny/pin', { pinned: true });
    await neuron.post('/drain', { draining: true });
    await neuron.post('/drain', { draining: false });

    await follower.until(() => follower.events.length >= 4);
    expect(follower.events.slice(1)).toMatchObject([
      { kind: 'model', model: { id: 'tiny', pinned: true } },
      { kind: 'draining', draining: true },
      { kind: 'draining', draining: false },
    ]);
  });

  test('agrees with GET /models, whose header says up to which change it is', async () => {
    await using neuron = await scripted();
    await using follower = await Follower.of(neuron);
    await neuron.load();

    const models = await neuron.get('/models');

    const revision = Number(models.headers.get('x-neuron-revision'));
    await follower.until(() => (follower.events.at(-1)?.revision ?? 0) >= revision);
    const seen = follower.events.filter(
      (event) => event.revision <= revision && event.kind === 'model',
    );
    const [listed] = await models.json();
    expect(seen.at(-1)).toMatchObject({ model: { status: listed.status } });
  });

  test('needs the token of the node', async () => {
    const tokenFile = join(temporaryFolder('events-token'), 'token');
    writeFileSync(tokenFile, 'secret', { mode: 0o600 });
    await using neuron = await TestNeuron.start({
      flags: { 'security.node_token_file': tokenFile },
      parts: { startEngine: scriptedEngine() },
    });

    expect((await neuron.get('/events')).status).toBe(401);
  });

  test('answers HEAD without a body', async () => {
    await using neuron = await scripted();

    const answer = await fetch(`${neuron.url}/events`, { method: 'HEAD' });

    expect(answer.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(await answer.text()).toBe('');
  });
});

/** A client that asks for events and then reads nothing. */
function silentReader(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.pause();
      socket.write(`GET /events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`, () => resolve(socket));
    });
  });
}

test('a client that does not read its events is disconnected, and the others get all of them', async () => {
  await using neuron = await scripted();
  await using follower = await Follower.of(neuron);
  const socket = await silentReader(neuron.url);
  const closed = new Promise((resolve) => socket.once('close', resolve));

  // Each change shows the settings. Together they are more than the buffers of both sockets hold.
  await neuron.load({ params: { note: 'x'.repeat(500_000) } });
  const before = follower.events.length;
  let flips = 0;
  while (flips < 100) {
    flips += 1;
    await neuron.post('/models/tiny/pin', { pinned: flips % 2 === 1 });
  }
  socket.resume();
  await closed;

  await follower.until(() => follower.events.length >= before + flips);
  expect(follower.last()?.model.pinned).toBe(flips % 2 === 1);
}, 60_000);
