/** The states of a model on a node (contracts, section 3), and what each means to the rest of the product. */

/** The traits of a state. Every set of states in the product is defined by one of these members. */
export interface StateTraits {
  /** It answers requests, if the node reports it as servable. */
  readonly serves: boolean;
  /** It is absent or becoming absent: a load call is valid, and waits for an unload in progress. */
  readonly loadable: boolean;
  /** It is becoming `loaded`: requests wait for it. */
  readonly underWay: boolean;
  /** It leaves this state soon, without a call. */
  readonly transient: boolean;
  /** There is something to unload: memory, a process, a download or a remembered failure. */
  readonly held: boolean;
  /** The model should serve and does not: the fleet is impaired. */
  readonly impairs: boolean;
  /** Rank among the states of one model's replicas: the lowest is shown. */
  readonly rank: number;
}

const IDLE: StateTraits = {
  serves: false,
  loadable: false,
  underWay: false,
  transient: false,
  held: false,
  impairs: false,
  rank: Infinity,
};
const STARTING = { ...IDLE, underWay: true, transient: true, held: true };
const ENDING = { ...IDLE, loadable: true, transient: true, held: true };

const STATES = {
  loaded: { ...IDLE, serves: true, held: true, rank: 0 },
  recovering: { ...IDLE, transient: true, held: true, impairs: true, rank: 1 },
  sleeping: { ...IDLE, loadable: true, held: true, rank: 2 },
  loading: { ...STARTING, rank: 3 },
  pulling: { ...STARTING, rank: 4 },
  draining: { ...ENDING, rank: 5 },
  unloading: { ...ENDING, rank: 6 },
  failed: { ...IDLE, loadable: true, held: true, impairs: true, rank: 7 },
  unloaded: { ...IDLE, loadable: true, rank: 8 },
} as const satisfies Record<string, StateTraits>;

export type ModelState = keyof typeof STATES;

/** A state of a newer neuron: it gets no requests and no loads, and is reported to the operator. */
const UNKNOWN: StateTraits = { ...IDLE, impairs: true };

const TRAITS: ReadonlyMap<string, StateTraits> = new Map(Object.entries(STATES));

/** The traits of a node's `status`. A status that is not in the table cannot serve. */
export const stateTraits = (status: string): StateTraits => TRAITS.get(status) ?? UNKNOWN;

/** True for a state in the table. */
export const isModelState = (status: string): status is ModelState => TRAITS.has(status);

/** The states, ordered by which one is shown first. */
export const MODEL_STATES: readonly ModelState[] = [...TRAITS.keys()].filter(isModelState);
