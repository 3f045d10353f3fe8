import type { Control } from './control.ts';
import { type ControlOptions, FleetControl } from './fleet-control.ts';

/** A control that knows its nodes and has asked none of them yet: `start` begins polling. */
export function createControl(options: ControlOptions): Control {
  return new FleetControl(options);
}
