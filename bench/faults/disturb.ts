/** The faults of a run: what happens to a node or to its network, and ends after a moment. */
import { type Host } from '../../test/e2e/fleet-processes.ts';
import { Random } from '../fleet/random.ts';
import { type Link } from './link.ts';

const FAULTS = ['kill', 'freeze', 'partition', 'cut', 'delay', 'flapping'] as const;
export type Fault = (typeof FAULTS)[number];

/** Mean pause between two faults of one disturber. */
const PAUSE_MS = 1500;
/** Delays are up to this long in each direction. */
const DELAY_MS = 300;

export interface Target {
  readonly host: Host;
  readonly link: Link;
  /** Called when the host was started again. */
  readonly onStart: () => void;
}

/** Does `fault` to the target; resolves when it has ended. */
async function disturb({ host, link, onStart }: Target, fault: Fault, random: Random) {
  const between = (low: number, high: number): Promise<void> =>
    Bun.sleep(random.logUniform(low, high));
  switch (fault) {
    case 'kill':
      await host.kill();
      await between(50, 1000);
      await host.start();
      return onStart();
    case 'freeze':
      host.signal('SIGSTOP');
      await between(500, 5000);
      return host.signal('SIGCONT');
    case 'partition':
      link.hold();
      await between(500, 5000);
      return link.restore();
    case 'cut':
      link.cut();
      await between(100, 3000);
      return link.restore();
    case 'delay':
      link.delayMs = random.logUniform(10, DELAY_MS);
      await between(1000, 4000);
      return link.restore();
    case 'flapping':
      for (let times = 3 + random.below(6); times > 0; times -= 1) {
        link.cut();
        await between(20, 300);
        link.restore();
        await between(20, 300);
      }
      return undefined;
  }
}

/** All faults in random order, again and again: a short run has each of them too. */
function* dealt(random: Random): Generator<Fault, never> {
  for (;;) {
    const deck: Fault[] = [...FAULTS];
    while (deck.length > 0) yield* deck.splice(random.below(deck.length), 1);
  }
}

/** Counts the faults that have ended. */
export type FaultCounts = Map<Fault, number>;

export const hadEveryFault = (counts: FaultCounts): boolean =>
  FAULTS.every((fault) => counts.has(fault));

/** Disturbs one target after the other until `stop` aborts. A target that is `free` is not disturbed by others. */
export async function disturbUntil(
  free: Target[],
  { seed, counts, stop }: { seed: number; counts: FaultCounts; stop: AbortSignal },
): Promise<void> {
  const random = new Random(seed);
  for (const fault of dealt(random)) {
    await Bun.sleep(random.exponential(PAUSE_MS));
    if (stop.aborted) return;
    const [target] = free.splice(random.below(free.length), 1);
    if (target === undefined) throw new Error('more disturbers than targets');
    await disturb(target, fault, random);
    free.push(target);
    counts.set(fault, (counts.get(fault) ?? 0) + 1);
  }
}
