import { describe, expect, test } from 'bun:test';

import type { CatalogueModel } from '../catalogue.ts';
import { DecidedFleet, told } from '../../test/decided-fleet.ts';

const M: CatalogueModel = { id: 'm', vramMb: 8000, preload: true };

/** A preloaded model that the operator has unloaded. */
function unloaded(): DecidedFleet {
  const fleet = new DecidedFleet({ hosts: { a: { loaded: { m: {} } } }, models: [M] });
  fleet.tell({ kind: 'operator_unload', model: 'm' });
  fleet.report('a', { loaded: {} });
  return fleet;
}

describe('A preloaded model that the operator unloads', () => {
  test('stays unloaded, whatever its nodes report', () => {
    const fleet = unloaded();
    expect(told(fleet.actions)).toEqual([]);
    fleet.after(3_600_000);
    expect(told(fleet.report('a', { loaded: {} }))).toEqual([]);
  });

  test('is loaded by the next request for it, and preloaded from then on', () => {
    const fleet = unloaded();
    expect(told(fleet.ask('m'))).toEqual(['load m on a']);
    fleet.endLoad('a', 'm');
    fleet.answer('m');
    expect(told(fleet.report('a', { loaded: {} }))).toEqual(['load m on a']);
  });

  test('is loaded by the operator, and preloaded from then on', () => {
    const fleet = unloaded();
    fleet.tell({ kind: 'operator_load', callId: 'op', model: 'm' });
    fleet.endLoad('a', 'm');
    expect(told(fleet.report('a', { loaded: {} }))).toEqual(['load m on a']);
  });

  test('is preloaded again when its entry changes, not when another one does', () => {
    const fleet = unloaded();
    const other = { id: 'other', vramMb: 100 };
    expect(told(fleet.configure({}, [M, other]))).toEqual([]);
    expect(told(fleet.configure({}, [{ ...M, ttlS: 60 }, other]))).toEqual(['load m on a']);
  });

  test('is preloaded again if no node unloaded it', () => {
    const fleet = new DecidedFleet({ hosts: { a: { loaded: { m: {} } } }, models: [M] });
    fleet.tell({ kind: 'operator_unload', model: 'm' });
    fleet.tell({ kind: 'operator_unload_failed', model: 'm' });
    expect(told(fleet.report('a', { loaded: {} }))).toEqual(['load m on a']);
  });
});
