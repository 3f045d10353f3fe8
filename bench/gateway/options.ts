import { parseArgs } from 'node:util';

/** The load of a run. */
export interface Load {
  /** Rounds; each measures every contender once, in rotating order. */
  readonly rounds: number;
  /** Seconds of requests without streaming, per round and contender. */
  readonly requestsS: number;
  /** Connections that each send one request after the other. */
  readonly connections: number;
  /** The same, with enough connections to saturate every contender. */
  readonly busyConnections: number;
  /** Seconds of load before the first round. */
  readonly warmUpS: number;
  readonly streams: number;
  readonly tokens: number;
  readonly everyMs: number;
  /** Requests whose first byte or first content is timed, per round and contender. */
  readonly firsts: number;
  readonly openStreams: number;
  /** Number of requests before memory is read, and the connections that send them. */
  readonly memoryRequests: number;
  readonly memoryConnections: number;
  /** Chunks of the one stream over which memory must not grow, 1,000 per second. */
  readonly longStreamChunks: number;
}

export interface Options {
  readonly isJson: boolean;
  /** False: a missed target does not fail the run. */
  readonly isChecked: boolean;
  /** Reports missing tools, and measures nothing. */
  readonly isToolCheck: boolean;
  /** CPU that the gateway burns for every request, µs; 0: the unchanged product. */
  readonly slowUs: number;
  readonly load: Load;
}

const FULL: Omit<Load, 'rounds'> = {
  requestsS: 4,
  // One request after the other. At saturation the contenders run at different rates, and the faster one gets its
  // requests in batches that do not occur in a fleet of language models. `busyConnections` measures that case.
  connections: 1,
  busyConnections: 16,
  warmUpS: 10,
  streams: 64,
  tokens: 400,
  // 50 tokens per second, the speed of a medium-sized model.
  everyMs: 20,
  firsts: 200,
  openStreams: 1000,
  memoryRequests: 100_000,
  memoryConnections: 32,
  longStreamChunks: 100_000,
};

const QUICK: Omit<Load, 'rounds'> = {
  ...FULL,
  requestsS: 2,
  warmUpS: 5,
  tokens: 100,
  firsts: 50,
  memoryRequests: 20_000,
  longStreamChunks: 5_000,
};

/** Reads the command line; its flags are described in main.ts. */
export function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      json: { type: 'boolean', default: false },
      'no-check': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string', default: '5' },
      'slow-us': { type: 'string', default: '0' },
      'tools-only': { type: 'boolean', default: false },
    },
  });
  return {
    isJson: values.json,
    isChecked: !values['no-check'],
    isToolCheck: values['tools-only'],
    slowUs: Number(values['slow-us']),
    load: { ...(values.quick ? QUICK : FULL), rounds: Number(values.rounds) },
  };
}
