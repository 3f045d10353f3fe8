import type { NodeLack } from '../feasibility.ts';

/** The sentences that views need; whoever shows them makes them. */
export interface Words {
  /** Why no node can ever serve a model. */
  cannotServe(lacks: readonly NodeLack[]): string;
}
