/** The states of a model on a node (contracts, section 3), and what each means to whoever reads it. */

/** What a state means. Every set of states in the product is one of these members. */
export interface StateTraits {
  /** It answers requests, as far as the node says that it is servable. */
  readonly serves: boolean;
  /** It is absent, or as good as absent: a load call is in order, and queues behind what is ending. */
  readonly loadable: boolean;
  /** It is on its way to `loaded`: requests wait for it. */
  readonly underWay: boolean;
  /** It leaves this state by itself, soon. */
  readonly transient: boolean;
  /** There is something to unload: memory, a process, a download or a remembered failure. */
  readonly held: boolean;
  /** A model that should serve and does not: the fleet is impaired. */
  readonly impairs: boolean;
  /** Place among the states of one model's replicas: the least is shown. */
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
const ARRIVING = { ...IDLE, underWay: true, transient: true, held: true };
const LEAVING = { ...IDLE, loadable: true, transient: true, held: true };

const STATES = {
  loaded: { ...IDLE, serves: true, held: true, rank: 0 },
  recovering: { ...IDLE, transient: true, held: true, impairs: true, rank: 1 },
  sleeping: { ...IDLE, loadable: true, held: true, rank: 2 },
  loading: { ...ARRIVING, rank: 3 },
  pulling: { ...ARRIVING, rank: 4 },
  draining: { ...LEAVING, rank: 5 },
  unloading: { ...LEAVING, rank: 6 },
  failed: { ...IDLE, loadable: true, held: true, impairs: true, rank: 7 },
  unloaded: { ...IDLE, loadable: true, rank: 8 },
} as const satisfies Record<string, StateTraits>;

export type ModelState = keyof typeof STATES;

/** A word of a newer neuron: it gets no request and no load, and the operator hears of it. */
const UNKNOWN: StateTraits = { ...IDLE, impairs: true };

const TRAITS: ReadonlyMap<string, StateTraits> = new Map(Object.entries(STATES));

/** What a node's `status` means. A word that is not in the table serves nothing. */
export const stateTraits = (status: string): StateTraits => TRAITS.get(status) ?? UNKNOWN;

/** True for a word of the table. */
export const isModelState = (status: string): status is ModelState => TRAITS.has(status);

/** The states, the one that is shown first before the others. */
export const MODEL_STATES: readonly ModelState[] = [...TRAITS.keys()].filter(isModelState);
