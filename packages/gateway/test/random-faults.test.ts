/** Requests to a fleet whose nodes die, hang, lie and fail at random: each ends, and nothing is left of any. */
import { expect, test } from 'bun:test';

import { ErrorEnvelope } from '@cortex/protocol';
import { type FakeExchange, FakeNeuron } from '@cortex/testkit';

import { GatewayUnderTest } from './gateway-under-test.ts';

const SCALE = Number(process.env['SCALE'] ?? 1 / 20);
const REQUESTS = Math.round(10_000 * SCALE);
const CLIENTS = 40;
const SEED = Number(process.env['SEED'] ?? 1);
const MODELS = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'];

/** A small generator of random numbers, the same for the same seed. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.next() * list.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  }
}

const failure = (status: number, code: string, refused = true) => ({
  status,
  code,
  message: `scripted ${code}`,
  refused,
});

/** Answers after a moment, mostly well. */
function answerAtRandom(random: Random): (exchange: FakeExchange) => void {
  const answers: readonly ((exchange: FakeExchange) => void)[] = [
    (exchange) => exchange.fail(failure(503, 'queue_full')),
    (exchange) => exchange.fail(failure(503, 'node_recovering')),
    (exchange) => exchange.fail(failure(500, 'internal_error', false)),
    (exchange) => exchange.stream().token('half').breakOff(),
  ];
  return (exchange) => {
    const isGood = random.chance(0.9);
    setTimeout(() => {
      if (!isGood) return random.pick(answers)(exchange);
      const isStream = new TextDecoder().decode(exchange.bytes).includes('"stream":true');
      return isStream ? exchange.stream().token('text').finish() : exchange.json({ ok: true });
    }, 20 * random.next());
  };
}

/** The second is that of a node that has less memory than it reported. */
const FAILED_LOADS = [
  failure(503, 'model_load_failed', false),
  failure(503, 'insufficient_vram', false),
];

/** Lets loads end after a moment, and one of ten fail. */
async function endLoads(neuron: FakeNeuron, random: Random, stop: AbortSignal): Promise<void> {
  for (let count = 1; !stop.aborted; count += 1) {
    const load = await Promise.race([
      neuron.load(count),
      new Promise<undefined>((resolve) => {
        stop.addEventListener('abort', () => resolve(undefined), { once: true });
      }),
    ]);
    if (!load) return;
    const isGood = random.chance(0.9);
    setTimeout(
      () => (isGood ? load.succeed() : load.fail(random.pick(FAILED_LOADS))),
      30 * random.next(),
    );
  }
}

/** Something happens to a node, and ends after a moment. */
async function disturb(neuron: FakeNeuron, random: Random): Promise<void> {
  const pause = (): Promise<void> => Bun.sleep(200 * random.next());
  switch (random.pick(['dies', 'hangs', 'lies', 'drains'] as const)) {
    case 'dies':
      await neuron.die();
      await pause();
      neuron.revive();
      return;
    case 'hangs':
      neuron.hang(random.pick(['/health', '/models', '/models/load']));
      await pause();
      neuron.resume();
      return;
    case 'lies':
      // It says that the model is loaded, and answers that it is not.
      neuron.setModel({ id: random.pick(MODELS), status: 'unloaded' });
      return;
    case 'drains':
      neuron.setDraining('draining');
      await pause();
      neuron.setDraining('serving');
  }
}

async function disturbUntil(
  neurons: readonly FakeNeuron[],
  random: Random,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    await Bun.sleep(50);
    await disturb(random.pick(neurons), random);
  }
}

/** How the requests of one client ended, by status. */
async function ask(gateway: GatewayUnderTest, random: Random, ended: Map<string, number>) {
  const isStream = random.chance(0.5);
  const leavesMs = random.chance(0.1) ? 30 * random.next() : undefined;
  const signal = leavesMs === undefined ? null : AbortSignal.timeout(leavesMs);
  let how: string;
  try {
    const body = { model: random.pick(MODELS), stream: isStream };
    const answer = await gateway.chat(body, { signal });
    const text = await answer.text();
    how = String(answer.status);
    if (answer.status !== 200) ErrorEnvelope.parse(JSON.parse(text));
    else if (isStream && !text.trimEnd().endsWith('[DONE]')) how = 'cut';
  } catch (error) {
    if (!signal?.aborted) throw error;
    how = 'left';
  }
  ended.set(how, (ended.get(how) ?? 0) + 1);
}

test(`${REQUESTS} requests under random faults (SEED=${SEED}) each end with an answer or a clear error, and leave nothing`, async () => {
  const random = new Random(SEED);
  const neurons = Array.from(
    { length: 3 },
    () =>
      new FakeNeuron({
        memoryMib: 10_000,
        models: MODELS.map((id) => ({ id, status: 'unloaded', vram_used_mb: 4000 })),
        answer: answerAtRandom(random),
      }),
  );
  const stop = new AbortController();
  const loads = neurons.map((neuron) => endLoads(neuron, random, stop.signal));
  const gateway = await GatewayUnderTest.start({
    neurons: Object.fromEntries(neurons.map((neuron, index) => [`n${index}`, neuron])),
    logLevel: 'silent',
    toml: '[control]\npoll_interval_s = 0.2\nfailures_before_down = 1\n[timeouts]\nconnect_s = 0.3\n[eviction]\nmin_residency_s = 0.05\n[queue]\nstarve_s = 0.1\nhold_s = 0\nmax_wait_s = 5\nmax_hold_s = 5\n',
  });
  const faults = disturbUntil(neurons, random, stop.signal);
  const ended = new Map<string, number>();
  let left = REQUESTS;
  const client = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await ask(gateway, random, ended);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  stop.abort();
  await Promise.all([faults, ...loads]);

  const total = [...ended.values()].reduce((sum, count) => sum + count, 0);
  expect(total).toBe(REQUESTS);
  expect([...ended.keys()].filter((how) => !/^(200|50[0234]|left)$/.test(how))).toEqual([]);
  expect(ended.get('200') ?? 0).toBeGreaterThan(REQUESTS / 2);
  expect(gateway.inFlight).toBe(0);
  for (const model of MODELS) expect(gateway.running.control.waiting(model)).toBe(0);
  const unloads = neurons.flatMap(({ calls }) =>
    calls.all.filter(({ path }) => path === '/models/unload').map(({ body }) => JSON.parse(body)),
  );
  expect(unloads.every(({ if_idle: ifIdle }) => ifIdle === true)).toBe(true);
  await gateway.close();
  await Promise.all(neurons.map((neuron) => neuron.close()));
}, 300_000);
