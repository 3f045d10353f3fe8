import { type AttemptOutcome } from '@cortex/fleet';
import {
  type AnswerFacts,
  type ClientBody,
  CortexError,
  type Dialect,
  NEURON_HEADERS,
  parseUsage,
  toCortexError,
} from '@cortex/protocol';
import { type ClientConnection, type Logger } from '@cortex/service';

import { type AcquireRequest, type Control, type Lease } from '../control/control.ts';
import { type RequestMeter } from '../metering/request-meter.ts';
import { outcomeOf } from '../metering/request-record.ts';
import { type WireResponse } from '../wire/node-connection.ts';
import { type WireHeaders } from '../wire/response-parser.ts';
import { type WireRequest } from '../wire/format-request.ts';
import {
  answerWithoutPlace,
  brokenOff,
  clientLeft,
  type Failure,
  lastAnswer,
  notLoaded,
  toUnreachable,
} from './attempt-failure.ts';
import { outcomeOfAnswer, outcomeOfError, outcomeOfFailure } from './attempt-outcome.ts';
import { type Deadlines } from './deadlines.ts';
import {
  checkHead,
  checkWhole,
  codeOfAnswer,
  isEventStream,
  type NodeAnswer,
  refusalOf,
  type WholeAnswer,
} from './node-answer.ts';
import { type OpenExchanges } from './open-exchanges.ts';

/** Maximum number of attempts of a request, including the first (behaviour 7). */
const MAX_ATTEMPTS = 3;

/** One object, which a new configuration changes: it is read for every request and every chunk. */
export interface ProxyLimits {
  /** Largest body of a request. */
  readonly maxBodyBytes: number;
  /** A stream ends with `node_timeout` when its node sends nothing for this long. */
  readonly streamIdleMs: number;
  /** The connection of a client that reads nothing for this long is closed. */
  readonly stallMs: number;
  /** A chat that waits for a load says how far it is. */
  readonly notesLoads: boolean;
}

export interface ProxyDeps {
  readonly control: Control;
  readonly deadlines: Deadlines;
  readonly limits: ProxyLimits;
  readonly exchanges: OpenExchanges;
  readonly log: Logger;
}

/** How a client is answered. */
export interface AnsweredClient {
  readonly dialect: Dialect;
  readonly body: ClientBody;
  readonly facts: AnswerFacts;
  /** Its answer can have reasoning text. */
  readonly hasReasoning: boolean;
  /** Further headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
}

/** A request that is ready to be sent to a node. */
export interface OutgoingRequest {
  readonly wire: WireRequest;
  /** Whether the route has streamed answers; the other answers of such a route are no events. */
  readonly canStream: boolean;
  readonly client: AnsweredClient;
  /** Failed nodes are added to `tried`, or become `avoided`. */
  readonly place: AcquireRequest & { readonly tried: string[]; avoided?: string | undefined };
  /** Aborts when the client has disconnected. */
  readonly signal: AbortSignal;
  /** Its idle limit is lifted; the exchange restores it when it ends. */
  readonly connection: ClientConnection;
}

/**
 * One request between its client and the nodes: takes leases, tries nodes, and releases everything exactly once.
 *
 * Ends by `end`, `fail` or a disconnect of the client, whichever comes first. Later calls have no effect.
 */
export class Exchange {
  readonly meter: RequestMeter;
  readonly deps: ProxyDeps;
  readonly #request: OutgoingRequest;
  #lease: Lease | undefined;
  #cut: ((reason: unknown) => void) | undefined;
  #isEnded = false;
  /** Whether the connection to the node is in use and has to be closed when the exchange ends early. */
  #isReading = false;
  /** Whether the answer is still expected: its head, or all of it if it is not a stream. */
  #isAwaited = false;
  /** When the attempt was sent, in monotonic ms. */
  #sentMs = 0;
  /** When it started to wait for a slot, in monotonic ms; undefined while it has one. */
  #waitsSinceMs: number | undefined;
  #onEnd: (() => void) | undefined;
  readonly #onLeave = (): void => this.leave();

  constructor(deps: ProxyDeps, meter: RequestMeter, request: OutgoingRequest) {
    this.deps = deps;
    this.meter = meter;
    this.#request = request;
    deps.exchanges.add(this);
    request.signal.addEventListener('abort', this.#onLeave);
    if (request.signal.aborted) this.leave();
  }

  /** How the client is answered. */
  get client(): AnsweredClient {
    return this.#request.client;
  }

  /** Whether the request has ended: nothing more is sent or recorded. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The lease of the attempt whose answer is being relayed. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** What brings the model that it waits for, for a client that is to be told; undefined: nothing. */
  get waitNote(): string | undefined {
    const { control, limits } = this.deps;
    const { client, place } = this.#request;
    if (!limits.notesLoads || !client.hasReasoning || this.#lease !== undefined) return undefined;
    return control.waitNote(place);
  }

  /** Calls `run` once when the exchange ends, or at once if it has ended. */
  onEnd(run: () => void): void {
    if (this.#isEnded) run();
    else this.#onEnd = run;
  }

  /**
   * The first final answer of a node (behaviour 7).
   *
   * @throws CortexError if there is none; `client_closed_request` when the client has disconnected.
   */
  async open(): Promise<NodeAnswer> {
    let failure: Failure | undefined;
    for (;;) {
      let lease: Lease;
      try {
        lease = await this.#acquire();
      } catch (error) {
        return answerWithoutPlace(failure, toCortexError(error));
      }
      // A request that returned to the waiting room after `queue_full` continues its attempt.
      if (failure?.kind !== 'queue_full') this.meter.attempts += 1;
      const isStale = failure?.kind === 'unreachable' && failure.isStaleConnection;
      const result = await this.#attemptOn(lease, isStale ? 'new' : 'any');
      if (result.kind === 'final') return result.answer;
      failure = result;
      this.#releaseLease(outcomeOfFailure(failure));
      this.#noteFailure(failure);
      if (failure.kind !== 'queue_full' && this.meter.attempts >= MAX_ATTEMPTS)
        return lastAnswer(failure);
    }
  }

  /** Reports a failed attempt to control, and excludes the node from the next `acquire` if necessary. */
  #noteFailure(failure: Failure): void {
    const { control, log } = this.deps;
    const { kind, node, model } = failure;
    const { place } = this.#request;
    control.report({ kind: kind === 'unreachable' ? 'transport_failure' : kind, node, model });
    log.debug({ request_id: this.meter.requestId, node, model, kind }, 'attempt failed');
    if (kind === 'queue_full' || kind === 'model_not_loaded') return;
    if (kind === 'unreachable' && failure.isStaleConnection) place.avoided = node;
    else place.tried.push(node);
  }

  /** The node's answer was read to its end. */
  markRead(): void {
    this.#isReading = false;
  }

  /**
   * Ends the request: writes the record, with what the client got, and releases the lease.
   *
   * @param answered - What the node answered, where that differs.
   */
  end(
    status: number,
    code?: string,
    answered: { readonly status: number; readonly code: string | undefined } = { status, code },
  ): void {
    this.#finish(
      () => this.meter.end({ outcome: outcomeOf(status, code), status, code }),
      outcomeOfAnswer(answered.status, answered.code),
    );
  }

  /** Ends the request with an error of cortex. */
  fail(thrown: unknown): CortexError {
    const error = toCortexError(thrown);
    this.#finish(() => this.meter.fail(error), outcomeOfError(error));
    return error;
  }

  /** Closes the connection of a client that no longer reads. */
  drop(): void {
    this.leave();
    this.#request.connection.drop();
  }

  /** Ends the request because the client has disconnected. */
  leave(): void {
    this.#finish(() =>
      this.meter.end({ outcome: 'client_left', status: 499, code: 'client_closed_request' }),
    );
  }

  /** Ends the connection to the node; reading from it throws `reason`. */
  abortAttempt(reason: CortexError): void {
    this.#cut?.(reason);
  }

  #finish(record: () => void, outcome?: AttemptOutcome): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd?.();
    if (this.#waitsSinceMs !== undefined)
      this.meter.addWait(this.deps.deadlines.nowMs() - this.#waitsSinceMs);
    this.#request.connection.restoreIdleLimit();
    record();
    if (this.#isReading) this.#cut?.(undefined);
    this.#releaseLease(outcome);
    this.deps.exchanges.delete(this);
  }

  #releaseLease(outcome: AttemptOutcome | undefined): void {
    this.#isAwaited = false;
    this.#lease?.release(outcome);
    this.#lease = undefined;
    this.#cut = undefined;
  }

  /** Takes a lease on a replica. @throws CortexError if there is none */
  async #acquire(): Promise<Lease> {
    this.#waitsSinceMs = this.deps.deadlines.nowMs();
    const lease = await this.deps.control.acquire(this.#request.place, this.#request.signal);
    this.#waitsSinceMs = undefined;
    if (this.#isEnded) {
      lease.release();
      throw clientLeft();
    }
    this.#lease = lease;
    this.meter.place(lease);
    return lease;
  }

  async #attemptOn(
    lease: Lease,
    connection: 'any' | 'new',
  ): Promise<Failure | { readonly kind: 'final'; readonly answer: NodeAnswer }> {
    this.#isReading = true;
    this.#isAwaited = true;
    this.#sentMs = this.deps.deadlines.nowMs();
    let response: WireResponse;
    try {
      response = await lease.send(this.#request.wire, {
        connection,
        onCancel: (cut) => {
          this.#cut = cut;
        },
      });
    } catch (error) {
      if (this.#isEnded) throw clientLeft();
      return toUnreachable(error, lease);
    }
    const { headers, body } = response;
    checkHead(response, lease, this.#request);
    this.#readPromptTokens(headers);
    if (this.#request.place.stream && isEventStream(response)) {
      this.#isAwaited = false;
      return { kind: 'final', answer: { kind: 'stream', headers, body } };
    }
    const answer = await this.#readWhole(response, lease);
    checkWhole(answer, lease.node);
    const refusal = refusalOf(answer);
    if (refusal !== undefined)
      return { kind: refusal, node: lease.node, model: lease.model, answer };
    if (codeOfAnswer(answer) === 'model_not_loaded') throw notLoaded(lease);
    return { kind: 'final', answer };
  }

  async #readWhole({ status, headers, body }: WireResponse, lease: Lease): Promise<WholeAnswer> {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      const all = body.readAll();
      bytes = all instanceof Uint8Array ? all : await all;
    } catch (error) {
      if (this.#isEnded) throw clientLeft();
      if (error instanceof CortexError) throw error;
      throw brokenOff(lease.node, error);
    }
    this.#isReading = false;
    const usage = headers[NEURON_HEADERS.usage];
    if (usage !== undefined) this.meter.usage = parseUsage(usage);
    return { kind: 'whole', status, headers, bytes };
  }

  #readPromptTokens(headers: WireHeaders): void {
    const tokens = Number(headers[NEURON_HEADERS.promptTokens] ?? Number.NaN);
    if (Number.isSafeInteger(tokens) && tokens >= 0) this.meter.promptTokens = tokens;
  }

  /**
   * Aborts the attempt when its node fails. A streamed answer starts when the node accepts the request, so that
   * silence means a dead node. An answer that is not streamed may take as long as its node answers polls (behaviour
   * 3).
   */
  checkNode(nowMs: number): void {
    const { limits } = this.deps;
    const lease = this.#lease;
    if (!this.#isAwaited || lease === undefined) return;
    const isStream = this.#request.place.stream;
    const silentMs = nowMs - this.#sentMs;
    if (lease.isNodeDown()) {
      const code = isStream ? 'node_unreachable' : 'node_timeout';
      this.abortAttempt(new CortexError(code, `Node ${lease.node} stopped answering.`));
    } else if (isStream && silentMs >= limits.streamIdleMs) {
      this.abortAttempt(
        new CortexError(
          'node_timeout',
          `Node ${lease.node} sent nothing for ${Math.round(silentMs / 1000)} s.`,
        ),
      );
    }
  }
}
