/** A server that several models share: how it is reached, started and stopped. */
import type { CortexError } from '@cortex/protocol';

import type { Offers } from '../harness.ts';
import type { Upstream } from './upstream.ts';

export type ServerState =
  | { readonly kind: 'stopped' }
  /** `incarnation` changes with every new process or return of the server. */
  | {
      readonly kind: 'up';
      readonly upstream: Upstream;
      readonly incarnation: number;
      /** Aborts when the server has ended, with the error for its requests as reason. */
      readonly lost: AbortSignal;
    }
  | { readonly kind: 'recovering'; readonly reason: string; readonly retryAfterS: number }
  | { readonly kind: 'failed'; readonly reason: string };

export interface Server {
  readonly state: ServerState;
  /** Absent: its models are known only by a load. */
  readonly offers?: Offers | undefined;
  /** Whether it has answered lately. */
  readonly isAnswering: boolean;
  /** The error for a request whose connection broke. */
  loss(): CortexError;
  /**
   * Has the server running and ready; returns at once if it is.
   *
   * @throws CortexError why it cannot be had; the reason of `signal`
   */
  ensure(signal: AbortSignal): Promise<Upstream>;
  /** Ends it, if neuron started it. */
  stop(reason: CortexError): Promise<void>;
  /** Ends it and has it running again. Absent if neuron cannot start it. */
  restart?(signal: AbortSignal): Promise<void>;
  onChange(listener: () => void): void;
  /** Keeps `offers` up to date from now on. Absent if there are none. */
  watch?(): void;
}
