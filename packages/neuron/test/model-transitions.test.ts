import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';

import type { HarnessEvent } from './fake-harness.ts';
import { ID, LifecycleUnderTest } from './lifecycle-under-test.ts';

/** The states and changes of the specification (contracts, section 3), and those of docs/decisions/0007. */
const CONTRACT = `
  unloaded > pulling, unloaded > loading, pulling > loading, loading > loaded,
  loaded > draining, draining > unloading, unloading > unloaded,
  loaded > sleeping, sleeping > loading,
  pulling > failed, loading > failed, pulling > unloaded, loading > unloaded,
  loaded > recovering, recovering > loaded, recovering > failed,
  failed > pulling, failed > loading, draining > loaded,
  failed > unloaded, recovering > unloading, sleeping > unloading, sleeping > failed
`;
const ARROWS = new Set(CONTRACT.split(',').map((arrow) => arrow.trim()));

type Step = (subject: LifecycleUnderTest) => void;
const happens =
  (event: HarnessEvent): Step =>
  ({ fake }) =>
    fake.happen(ID, event);

const STEPS: Readonly<Record<string, Step>> = {
  'a caller waits for a load': (subject) => subject.load('waits'),
  'a caller asks for a load': (subject) => subject.load('asks'),
  'an operator waits for a load': (subject) => subject.load('operator'),
  'the load succeeds': ({ fake }) => fake.endLoad(ID, 'ok'),
  'the load fails': ({ fake }) => fake.endLoad(ID, 'structural'),
  'the load fails for now': ({ fake }) => fake.endLoad(ID, 'transient'),
  'an unload': (subject) => subject.unload({ force: false, ifIdle: false }),
  'an unload by force': (subject) => subject.unload({ force: true, ifIdle: false }),
  'an unload if idle': (subject) => subject.unload({ force: false, ifIdle: true }),
  'the model is put to sleep': (subject) => subject.sleep('sleeps'),
  'the model cannot sleep': (subject) => subject.sleep('fails'),
  'the model is woken': (subject) => subject.wake(),
  'a caller leaves': (subject) => subject.leave(),
  'a request begins': (subject) => subject.takeSeat(),
  'a request ends': (subject) => subject.releaseSeat(),
  'the engine dies': happens('dies'),
  'the engine returns': happens('returns'),
  'the engine fails': happens('fails'),
  'the harness forgets the model': happens('vanishes'),
  'the file is removed': (subject) => {
    subject.isOnDisk = false;
    subject.fake.pulls = true;
  },
  'the pull succeeds': ({ fake }) => fake.endPull('ok'),
  'the pull fails': ({ fake }) => fake.endPull('fails'),
  'the file is replaced': (subject) => subject.replaceFile(),
};

describe('the state of a model', () => {
  test('changes only along the arrows of the contract, whatever happens in whatever order', async () => {
    const steps = fc.array(
      fc.record({
        name: fc.constantFrom(...Object.keys(STEPS)),
        // Several steps may fall into one turn of the event loop.
        isAlone: fc.boolean(),
      }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const subject = new LifecycleUnderTest();
        for (const { name, isAlone } of script) {
          STEPS[name]?.(subject);
          if (isAlone) await subject.settle();
        }
        await subject.finish();

        const changes = subject.states.slice(1).map((state, index) => {
          return `${subject.states[index]} > ${state}`;
        });
        const repeated = (arrow: string) => arrow.split(' > ')[0] === arrow.split(' > ')[1];
        expect(changes.filter((arrow) => !ARROWS.has(arrow) && !repeated(arrow))).toEqual([]);
        expect(subject.problems).toEqual([]);
        expect(subject.lifecycle.state).toBe('unloaded');
        expect(subject.ledger.cpu.usedMib).toBe(0);
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
