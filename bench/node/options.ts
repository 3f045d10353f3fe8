import { parseArgs } from 'node:util';

/** The load of a run. */
export interface Load {
  /** Requests to each route. */
  readonly gets: number;
  /** Streams of each of the two models while the routes are measured. */
  readonly streams: number;
  /** Loads and unloads. */
  readonly cycles: number;
  /** Requests that are cancelled. */
  readonly cancels: number;
  /** Times that each large body is sent. */
  readonly bodies: number;
}

export interface Options {
  readonly isJson: boolean;
  /** False: a missed target does not fail the run. */
  readonly isChecked: boolean;
  /** CPU that the daemon burns for every request, µs; 0: the unchanged product. */
  readonly slowUs: number;
  readonly load: Load;
}

const FULL: Load = { gets: 300, streams: 4, cycles: 30, cancels: 1000, bodies: 5 };
const QUICK: Load = { gets: 30, streams: 2, cycles: 12, cancels: 100, bodies: 2 };

/** Reads the command line; its flags are described in main.ts. */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      'no-check': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      'slow-us': { type: 'string', default: '0' },
    },
  });
  return {
    isJson: values.json,
    isChecked: !values['no-check'],
    slowUs: Number(values['slow-us']),
    load: values.quick ? QUICK : FULL,
  };
}
