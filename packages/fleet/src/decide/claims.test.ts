/** Room that is kept for a starving model, told to nodes and read from them (rule 35, several cortexes). */
import { describe, expect, test } from 'bun:test';

import { DecidedFleet, told } from '../../test/decided-fleet.ts';

const OLD = { age_ms: 999_999 };
/** Room for y that another cortex keeps, from x. */
const THEIRS = { claims: [['other', 'y', 'x']] } as const;

/** One node that can hold one of two models, and holds x. */
const small = (): DecidedFleet =>
  new DecidedFleet({
    hosts: { a: { gpus: [10_000], loaded: { x: OLD } } },
    models: [
      { id: 'x', vramMb: 8000 },
      { id: 'y', vramMb: 8000 },
    ],
  });

/** What nodes were told since the last call. */
function claims({ actions }: DecidedFleet): readonly string[] {
  const found: string[] = [];
  for (const action of actions.splice(0)) {
    if (action.kind === 'claim')
      found.push(`${action.node} for ${action.model} from ${action.from.join()}`);
    else if (action.kind === 'release_claim') found.push(`${action.node} free of ${action.model}`);
    else actions.push(action);
  }
  return found;
}

test('a starving model claims its node, which is told again until the load begins', () => {
  const fleet = small();
  fleet.ask('x');
  fleet.ask('y');
  expect(claims(fleet)).toEqual([]);

  fleet.after(30_000);
  expect(claims(fleet)).toEqual(['a for y from x']);
  fleet.after(4999);
  expect(claims(fleet)).toEqual([]);
  fleet.after(1);
  expect(claims(fleet)).toEqual(['a for y from x']);

  expect(told(fleet.answer('x'))).toEqual(['load y on a after x']);
  expect(claims(fleet)).toEqual([]);
  fleet.endLoad('a', 'y');
  expect(claims(fleet)).toEqual(['a free of y']);
});

test('a claim is released when nobody waits any more', () => {
  const fleet = small();
  fleet.ask('x');
  const request = fleet.request('y');
  fleet.tell({ kind: 'arrived', request });
  fleet.after(30_000);
  claims(fleet);

  fleet.tell({ kind: 'left', model: 'y', requestId: request.id });

  expect(claims(fleet)).toEqual(['a free of y']);
});

test('the claim of another cortex ends the requests to what is to leave, and its reload, until its model is there', () => {
  const fleet = small();
  fleet.report('a', { loaded: { x: OLD }, ...THEIRS });

  expect(told(fleet.ask('x'))).toEqual([]);
  // The other one has unloaded x: the room is not ours.
  expect(told(fleet.report('a', { loaded: {}, ...THEIRS }))).toEqual([]);
  fleet.report('a', { loaded: { y: { age_ms: 0 } }, ...THEIRS });
  // It has its turn, and then x is as good a reason as y was.
  expect(told(fleet.after(120_000))).toEqual(['load x on a after y']);
});

test('the claim of another cortex does not keep the operator from a load', () => {
  const fleet = small();
  fleet.report('a', { loaded: {}, ...THEIRS });

  const call = { kind: 'operator_load', callId: 'c', model: 'x' } as const;

  expect(told(fleet.tell(call))).toContain('load x on a');
});

test('a claim that its node no longer reports is over', () => {
  const fleet = small();
  fleet.report('a', { loaded: { x: OLD }, ...THEIRS });
  expect(told(fleet.ask('x'))).toEqual([]);

  expect(told(fleet.report('a', { loaded: { x: OLD } }))).toEqual(['grant a']);
});

test('a claim that is not told again ends by itself', () => {
  const fleet = small();
  fleet.report('a', { loaded: { x: OLD }, ...THEIRS });
  expect(told(fleet.ask('x'))).toEqual([]);

  expect(told(fleet.after(14_999))).toEqual([]);
  expect(told(fleet.after(1))).toEqual(['grant a']);
});

test('the claim for a model that sleeps or is being loaded counts until it serves', () => {
  const fleet = new DecidedFleet({
    hosts: { a: { gpus: [20_000], loaded: { x: OLD } } },
    models: ['x', 'y'].map((id) => ({ id, vramMb: 8000 })),
  });
  const reported = (status: string): readonly string[] =>
    told(fleet.report('a', { loaded: { x: OLD, y: { status } }, ...THEIRS }));
  reported('sleeping');
  expect(told(fleet.ask('x'))).toEqual([]);

  expect(reported('loading')).toEqual([]);
  expect(reported('loaded')).toEqual(['grant a']);
});

test('what a node reports of our own claim changes nothing', () => {
  const fleet = small();
  fleet.ask('x');
  fleet.ask('y');
  fleet.after(30_000);
  fleet.report('a', { loaded: { x: OLD }, claims: [['cortex', 'y', 'x']] });

  expect(fleet.state.claims.get('a')).toBe('y');
  expect(told(fleet.answer('x'))).toEqual(['load y on a after x']);
  // The load fails, and the node has not been polled since.
  fleet.endLoad('a', 'y', { kind: 'failed', reason: 'broken', isTransient: false });
  expect(told(fleet.ask('x'))).toEqual(['load x on a']);
});

describe('of two claims for a node', () => {
  /** One node that can hold one of three models, and holds x, for which a request runs. z starves here. */
  function starving(): DecidedFleet {
    const fleet = new DecidedFleet({
      hosts: { a: { gpus: [10_000], loaded: { x: OLD } } },
      models: ['x', 'y', 'z'].map((id) => ({ id, vramMb: 8000 })),
    });
    fleet.ask('x');
    fleet.ask('z');
    fleet.after(30_000);
    return fleet;
  }

  test('the first stands: ours is given up for one that came before', () => {
    const fleet = starving();

    fleet.report('a', {
      loaded: { x: OLD },
      claims: [
        ['other', 'y', 'x'],
        ['cortex', 'z', 'x'],
      ],
    });

    expect(fleet.state.claims.has('a')).toBe(false);
    expect(told(fleet.answer('x'))).toEqual([]);
  });

  test('the first stands: one that came after ours does not count', () => {
    const fleet = starving();

    fleet.report('a', {
      loaded: { x: OLD },
      claims: [
        ['cortex', 'z', 'x'],
        ['other', 'y', 'x'],
      ],
    });

    expect(told(fleet.answer('x'))).toEqual(['load z on a after x']);
  });

  test('both count if they are for the same model: what either of them waits for gets no requests', () => {
    const fleet = new DecidedFleet({
      hosts: { a: { gpus: [18_000], loaded: { x: OLD, w: OLD } } },
      models: ['w', 'x', 'z'].map((id) => ({ id, vramMb: 8000 })),
    });
    for (const id of ['x', 'w', 'z']) fleet.ask(id);
    fleet.after(30_000);
    const [mine = ''] = ['x', 'w'].filter((id) => fleet.state.isYielding('a', id));
    const [other = ''] = ['x', 'w'].filter((id) => id !== mine);

    fleet.report('a', {
      loaded: { x: OLD, w: OLD },
      claims: [
        ['cortex', 'z', mine],
        ['other', 'z', other],
      ],
    });

    expect(['x', 'w'].map((id) => fleet.state.isYielding('a', id))).toEqual([true, true]);
    expect(told(fleet.answer(mine))).toEqual([`load z on a after ${mine}`]);
  });
});

test('a claim that passes from one model to another is told for the other', () => {
  const fleet = new DecidedFleet({
    hosts: { a: { gpus: [10_000], loaded: { x: OLD } } },
    models: ['x', 'y', 'z'].map((id) => ({ id, vramMb: 8000 })),
  });
  fleet.ask('x');
  const request = fleet.request('y');
  fleet.tell({ kind: 'arrived', request });
  fleet.ask('z');
  fleet.after(30_000);
  expect(claims(fleet)).toEqual(['a for y from x']);

  fleet.tell({ kind: 'left', model: 'y', requestId: request.id });

  expect(claims(fleet)).toEqual(['a for z from x']);
});

test('a load of another cortex on a host without a GPU counts with its need before the node says what it takes', () => {
  const coming = { status: 'loading', devices: [], vram_used_mb: undefined };
  const fleet = new DecidedFleet({
    hosts: { a: { gpus: [], ramMib: 10_000, loaded: { x: coming } } },
    models: ['x', 'y'].map((id) => ({ id, vramMb: 8000 })),
  });

  expect(told(fleet.ask('y'))).toEqual([]);
});

test('a claim is told again while its victims leave', () => {
  const fleet = small();
  fleet.ask('x');
  fleet.ask('y');
  fleet.after(30_000);
  fleet.answer('x');
  claims(fleet);

  fleet.after(5000);
  expect(claims(fleet)).toEqual(['a for y from x']);
  fleet.unload('a', 'x');
  fleet.after(5000);
  expect(claims(fleet)).toEqual([]);
});

describe('a load that its node has no room for', () => {
  const outOfMemory = {
    kind: 'failed',
    reason: 'no room',
    isTransient: true,
    isOutOfMemory: true,
  } as const;

  /** y is being loaded, for which x has left. */
  function loading(): DecidedFleet {
    const fleet = small();
    fleet.ask('y');
    fleet.unload('a', 'x');
    return fleet;
  }

  test('is planned again if another cortex has loaded a model there', () => {
    const fleet = loading();
    fleet.report('a', { loaded: { x: { generation: 2, age_ms: 0 } } });

    expect(told(fleet.endLoad('a', 'y', outOfMemory))).toEqual([]);
    expect(fleet.state.waiting('y')).toBe(1);
    expect(told(fleet.after(120_000))).toEqual(['load y on a after x']);
  });

  test('is planned again if another cortex loads one there at the moment', () => {
    const fleet = loading();
    // Its generation is that of its last load.
    fleet.report('a', { loaded: { x: { generation: 1, status: 'loading', age_ms: undefined } } });

    expect(told(fleet.endLoad('a', 'y', outOfMemory))).toEqual([]);
    expect(fleet.state.waiting('y')).toBe(1);
  });

  test('has failed if nobody has', () => {
    const fleet = loading();
    fleet.report('a', { loaded: {} });

    expect(told(fleet.endLoad('a', 'y', outOfMemory))).toEqual(['refuse load_failed']);
  });
});

test('a node that goes down has no claims of others any more', () => {
  const fleet = small();
  fleet.report('a', { loaded: { x: OLD }, ...THEIRS });
  for (let missed = 0; missed < 3; missed += 1)
    fleet.tell({ kind: 'node_missed', node: 'a', error: 'gone', atMs: fleet.nowMs });

  expect(fleet.state.foreignClaims.size).toBe(0);
});
