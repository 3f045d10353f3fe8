import { CortexError, NEURON_HEADERS, parseUsage, toCortexError } from '@cortex/protocol';
import { type Logger } from '@cortex/service';

import { type AcquireRequest, type Control, type Lease } from '../control/control.ts';
import { type RequestMeter } from '../metering/request-meter.ts';
import { outcomeOfStatus } from '../metering/request-record.ts';
import { joinUrl } from '../nodes/endpoint-url.ts';
import { type Deadline, type Deadlines } from './deadlines.ts';
import {
  errorCodeOf,
  type NodeAnswer,
  refusalOf,
  type RefusalCode,
  type WholeAnswer,
} from './node-answer.ts';
import { type OpenExchanges } from './open-exchanges.ts';

/** Attempts of one request, the first included (behaviour 7). */
const MAX_ATTEMPTS = 3;
/** How often an attempt that has no answer yet asks whether its node is still there. */
const NODE_CHECK_MS = 1000;

export interface ProxyLimits {
  /** A node that sends nothing for so long in a stream is given up. */
  readonly streamIdleMs: number;
  /** A client that takes nothing for so long is gone. */
  readonly stallMs: number;
}

export interface ProxyDeps {
  readonly control: Control;
  readonly deadlines: Deadlines;
  readonly limits: ProxyLimits;
  readonly exchanges: OpenExchanges;
  readonly log: Logger;
}

/** A request that is ready to be sent to a node. */
export interface OutgoingRequest {
  /** With its leading slash, as on the node. */
  readonly path: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly headers: Record<string, string>;
  /** Nodes that failed are added to `tried`. */
  readonly place: AcquireRequest & { readonly tried: string[] };
  /** Aborts when the client has left. */
  readonly signal: AbortSignal;
  /** Closes the client's connection. */
  readonly dropClient: () => void;
}

type Failure =
  | { readonly kind: 'unreachable'; readonly error: CortexError }
  | { readonly kind: RefusalCode; readonly answer: WholeAnswer };

/**
 * One request between its client and the nodes: takes leases, tries nodes, and gives everything back exactly once.
 *
 * Ends by `end`, `fail` or the client leaving, whichever comes first; what comes later has no effect.
 */
export class Exchange {
  readonly meter: RequestMeter;
  readonly deps: ProxyDeps;
  readonly #request: OutgoingRequest;
  #lease: Lease | undefined;
  #attempt: AbortController | undefined;
  #isEnded = false;
  /** The connection to the node is in use, so that ending early has to cut it. */
  #isReading = false;
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

  /** Nothing of this request is wanted any more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The lease of the attempt whose answer is being relayed. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** Calls `run` once when the exchange ends, at once if it has. */
  onEnd(run: () => void): void {
    if (this.#isEnded) run();
    else this.#onEnd = run;
  }

  /**
   * The first final answer of a node (behaviour 7).
   *
   * @throws CortexError why there is none; `client_closed_request` when the client has left meanwhile.
   */
  async open(): Promise<NodeAnswer> {
    const { control, log } = this.deps;
    const { tried } = this.#request.place;
    let failure: Failure | undefined;
    for (;;) {
      const lease = await this.#acquire(failure);
      this.meter.attempts += 1;
      const result = await this.#attemptOn(lease);
      if ('answer' in result && result.kind === 'final') return result.answer;
      failure = result;
      this.#giveBack();
      control.report({
        kind: failure.kind === 'unreachable' ? 'transport_failure' : failure.kind,
        node: lease.node,
        model: lease.model,
      });
      log.debug(
        {
          request_id: this.meter.requestId,
          node: lease.node,
          model: lease.model,
          kind: failure.kind,
        },
        'attempt failed',
      );
      if (failure.kind !== 'queue_full' && failure.kind !== 'model_not_loaded')
        tried.push(lease.node);
      if (this.meter.attempts >= MAX_ATTEMPTS) return this.#lastAnswer(failure, lease.node);
    }
  }

  /** The node's answer was read to its end. */
  markRead(): void {
    this.#isReading = false;
  }

  /** The request is over: the record is written, its place given back. */
  end(status: number, code?: string): void {
    this.#finish(() => this.meter.end({ outcome: outcomeOfStatus(status), status, code }));
  }

  /** Over with an error of cortex's own. */
  fail(thrown: unknown): CortexError {
    const error = toCortexError(thrown);
    this.#finish(() => this.meter.fail(error));
    return error;
  }

  /** The client takes nothing any more: its connection is closed. */
  drop(): void {
    this.leave();
    this.#request.dropClient();
  }

  /** The client has left. */
  leave(): void {
    this.#finish(() =>
      this.meter.end({ outcome: 'client_left', status: 499, code: 'client_closed_request' }),
    );
  }

  /** Ends the connection to the node, so that whoever reads from it gets `reason` thrown. */
  abortAttempt(reason: CortexError): void {
    this.#attempt?.abort(reason);
  }

  #finish(record: () => void): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#request.signal.removeEventListener('abort', this.#onLeave);
    this.#onEnd?.();
    record();
    if (this.#isReading) this.#attempt?.abort();
    this.#giveBack();
    this.deps.exchanges.delete(this);
  }

  #giveBack(): void {
    this.#lease?.release();
    this.#lease = undefined;
    this.#attempt = undefined;
  }

  async #acquire(failure: Failure | undefined): Promise<Lease> {
    let lease: Lease;
    try {
      lease = await this.deps.control.acquire(this.#request.place, this.#request.signal);
    } catch (error) {
      throw this.#reasonWithout(toCortexError(error), failure);
    }
    if (this.#isEnded) {
      lease.release();
      throw new CortexError('client_closed_request', 'The client left.');
    }
    this.#lease = lease;
    this.meter.place({
      model: lease.model,
      node: lease.node,
      isColdStart: lease.coldStart,
      queueMs: lease.queueMs,
      loadMs: lease.loadMs,
    });
    return lease;
  }

  /** What the client is told when no other replica is left after `failure`. */
  #reasonWithout(error: CortexError, failure: Failure | undefined): CortexError {
    if (failure === undefined || error.code === 'client_closed_request') return error;
    if (failure.kind === 'unreachable') return failure.error;
    // That the model is gone from its node is no reason to say that nobody knows it.
    if (error.code !== 'model_not_found') return error;
    return new CortexError('no_capacity', `${this.#request.place.model} is not loaded any more.`, {
      cause: error,
    });
  }

  #lastAnswer(failure: Failure, node: string): WholeAnswer {
    if (failure.kind === 'unreachable') throw failure.error;
    if (failure.kind === 'model_not_loaded') {
      throw new CortexError(
        'no_capacity',
        `Node ${node} does not have ${this.#request.place.model} loaded any more.`,
      );
    }
    return failure.answer;
  }

  async #attemptOn(
    lease: Lease,
  ): Promise<Failure | { readonly kind: 'final'; readonly answer: NodeAnswer }> {
    const attempt = new AbortController();
    this.#attempt = attempt;
    this.#isReading = true;
    const watch = this.#watchForAnswer(lease, attempt);
    let response: Response;
    try {
      response = await this.#send(lease, attempt.signal);
    } catch (error) {
      return { kind: 'unreachable', error: this.#unreachable(error, attempt.signal, lease) };
    } finally {
      watch.cancel();
    }
    if (response.ok && isEventStream(response) && response.body !== null) {
      this.#readPromptTokens(response.headers);
      return {
        kind: 'final',
        answer: { kind: 'stream', headers: response.headers, body: response.body },
      };
    }
    const answer = await this.#readWhole(response, lease);
    const refusal = refusalOf(answer);
    if (refusal !== undefined) return { kind: refusal, answer };
    return { kind: 'final', answer };
  }

  #send(lease: Lease, signal: AbortSignal): Promise<Response> {
    const { path, body, headers } = this.#request;
    return fetch(joinUrl(lease.endpoint, path), {
      method: 'POST',
      body,
      headers,
      signal,
      redirect: 'manual',
      timeout: false,
    });
  }

  async #readWhole(response: Response, lease: Lease): Promise<WholeAnswer> {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = await response.bytes();
    } catch (error) {
      if (this.#isEnded) throw new CortexError('client_closed_request', 'The client left.');
      throw new CortexError(
        'upstream_disconnected',
        `Node ${lease.node} broke off in the middle of its answer.`,
        { cause: error },
      );
    }
    this.#isReading = false;
    const { headers, status } = response;
    this.#readPromptTokens(headers);
    const usage = headers.get(NEURON_HEADERS.usage);
    if (usage !== null) this.meter.usage = parseUsage(usage);
    return { kind: 'whole', status, headers, bytes };
  }

  #readPromptTokens(headers: Headers): void {
    const text = headers.get(NEURON_HEADERS.promptTokens);
    const tokens = Number(text ?? Number.NaN);
    if (Number.isSafeInteger(tokens) && tokens >= 0) this.meter.promptTokens = tokens;
  }

  #unreachable(thrown: unknown, signal: AbortSignal, lease: Lease): CortexError {
    if (this.#isEnded) throw new CortexError('client_closed_request', 'The client left.');
    const reason: unknown = signal.aborted ? signal.reason : undefined;
    // Work may have been done for it: another attempt could do it twice.
    if (reason instanceof CortexError && reason.code === 'node_timeout') throw reason;
    if (reason instanceof CortexError) return reason;
    return new CortexError('node_unreachable', `Node ${lease.node} could not be reached.`, {
      cause: thrown,
    });
  }

  /**
   * Gives the attempt up when its node does. A streamed answer begins when the request was accepted, so that silence
   * means a dead node; one that is not streamed may take as long as its node answers polls (behaviour 3).
   */
  #watchForAnswer(lease: Lease, attempt: AbortController): Deadline {
    const { deadlines, control, limits } = this.deps;
    const isStream = this.#request.place.stream;
    const sinceMs = deadlines.nowMs();
    const check = (): void => {
      const isDown = control.snapshot().nodes.get(lease.node)?.state !== 'up';
      const silentMs = deadlines.nowMs() - sinceMs;
      if (isDown) {
        attempt.abort(
          new CortexError(
            isStream ? 'node_unreachable' : 'node_timeout',
            `Node ${lease.node} stopped answering.`,
          ),
        );
      } else if (isStream && silentMs >= limits.streamIdleMs) {
        attempt.abort(
          new CortexError(
            'node_timeout',
            `Node ${lease.node} sent nothing for ${Math.round(silentMs / 1000)} s.`,
          ),
        );
      } else watch = deadlines.set(NODE_CHECK_MS, check);
    };
    let watch = deadlines.set(Math.min(NODE_CHECK_MS, limits.streamIdleMs), check);
    return {
      get dueMs() {
        return watch.dueMs;
      },
      run: check,
      cancel: () => watch.cancel(),
    };
  }
}

function isEventStream(response: Response): boolean {
  return response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
}

/** The code in a node's error answer, for the record; undefined for a good answer. */
export const codeOfAnswer = (answer: WholeAnswer): string | undefined =>
  answer.status >= 400 ? (errorCodeOf(answer) ?? 'unknown') : undefined;
