/** Fleets whose memory is too small for their models, with real neurons, engines and streams. */
import { expect, test } from 'bun:test';

import { askStream, GOOD_ANSWER } from './ask.ts';
import { type Fleet, measureNeed, modelsToml, startFleet } from './fleet.ts';
import { Gateway } from './fleet-processes.ts';

/** Turns of a second, so that the test sees many; idle models are not held for a conversation. */
const QUICK_TURNS = '[eviction]\nmin_residency_s = 1\n\n[queue]\nstarve_s = 3\nhold_s = 0\n';

/** A client of one model, who asks again as soon as it has its answer. */
async function converse(fleet: Fleet, model: string, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) {
    const report = await askStream(fleet.api, { model });
    expect(report.error).toBeUndefined();
    expect(report.hasDone).toBe(true);
    expect(report.text).toMatch(GOOD_ANSWER);
  }
}

/** Loads and evictions in the gateway's log. */
function loadsOf({ gateway }: Fleet): { readonly loads: number; readonly evictions: number } {
  const lines = gateway.output.split('\n');
  return {
    loads: lines.filter((line) => line.includes('"msg":"loaded"')).length,
    evictions: lines.filter((line) => line.includes('"evicts"')).length,
  };
}

test('one machine with room for one of two models serves both, in turns, without an error', async () => {
  const memoryMib = Math.ceil(1.5 * (await measureNeed()));
  await using fleet = await startFleet({
    hosts: [{ name: 'only', memoryMib }],
    models: ['first', 'second'],
    cortexToml: QUICK_TURNS,
  });

  await Promise.all([converse(fleet, 'first', 4), converse(fleet, 'second', 4)]);

  const { loads, evictions } = loadsOf(fleet);
  expect(evictions).toBeGreaterThanOrEqual(1);
  expect(loads).toBeLessThan(8);
}, 60_000);

test('two gateways in front of one machine: what one keeps busy gives way to what the other waits for', async () => {
  const memoryMib = Math.ceil(1.5 * (await measureNeed()));
  const models = ['first', 'second'];
  const cortexToml = `${QUICK_TURNS}\n[control]\npoll_interval_s = 1\n`;
  await using fleet = await startFleet({
    hosts: [{ name: 'only', memoryMib }],
    models,
    cortexToml,
  });
  const node = `[[neurons]]\nname = "only"\nendpoint = "${fleet.hosts[0]?.url}"\n`;
  await using other = new Gateway(`${cortexToml}${node}`, modelsToml(models));
  await other.start();
  let isAnswered = false;
  /** Asks without a pause. Three of them leave two slots no idle moment. */
  async function keepBusy(): Promise<void> {
    await converse(fleet, 'first', 1);
    if (!isAnswered) await keepBusy();
  }
  await converse(fleet, 'first', 1);
  const busy = [keepBusy(), keepBusy(), keepBusy()];

  const report = await askStream(other.api, { model: 'second' });
  isAnswered = true;
  // Nothing that ran was ended for it, and the other model has its turn again.
  await Promise.all(busy);

  expect(report.error).toBeUndefined();
  expect(report.text).toMatch(GOOD_ANSWER);
}, 60_000);

test('four machines with room for one or two models each serve six, and go on when one is killed', async () => {
  const need = await measureNeed();
  const models = ['a', 'b', 'c', 'd', 'e', 'f'];
  await using fleet = await startFleet({
    hosts: [1.5, 1.5, 2.5, 2.5].map((times, index) => ({
      name: `host-${index}`,
      memoryMib: Math.ceil(times * need),
    })),
    models,
    cortexToml: `${QUICK_TURNS}\n[control]\npoll_interval_s = 1\nfailures_before_down = 1\n`,
  });

  await Promise.all(models.map((model) => converse(fleet, model, 2)));
  const [victim] = fleet.hosts;
  await victim?.kill();
  // The killed host held one of the models, which is loaded elsewhere now: five places for six models.
  await Promise.all(models.map((model) => converse(fleet, model, 2)));
  await victim?.start();
  await converse(fleet, 'a', 1);

  expect(loadsOf(fleet).loads).toBeGreaterThanOrEqual(models.length);
}, 120_000);
