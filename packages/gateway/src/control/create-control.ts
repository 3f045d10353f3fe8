import type { Control } from './control.ts';
import { type ControlOptions, FleetControl } from './fleet-control.ts';

/** Creates a control that has not contacted its nodes yet. `start` starts polling. */
export function createControl(options: ControlOptions): Control {
  return new FleetControl(options);
}
