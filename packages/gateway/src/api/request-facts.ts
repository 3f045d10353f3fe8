import type { AnswerFacts, AnswerTimings } from '@cortex/protocol';

import { type Control } from '../control/control.ts';
import { type RequestMeter } from '../metering/request-meter.ts';

/** What an answer says of its request. What becomes known while it is answered is read when it is asked for. */
export class RequestFacts implements AnswerFacts {
  readonly requestId: string;
  readonly model: string;
  readonly createdS = Math.floor(Date.now() / 1000);
  readonly #meter: RequestMeter;
  readonly #control: Control;

  /** @param model - As the client asked for it. */
  constructor(model: string, meter: RequestMeter, control: Control) {
    this.requestId = meter.requestId;
    this.model = model;
    this.#meter = meter;
    this.#control = control;
  }

  get promptTokens(): number | undefined {
    return this.#meter.usage?.prompt_tokens ?? this.#meter.promptTokens;
  }

  get contextTokens(): number | undefined {
    const { node = '', model = '' } = this.#meter;
    return this.#control.snapshot().nodes.get(node)?.replicas.get(model)?.limit?.context;
  }

  timings(): AnswerTimings {
    return this.#meter.timings();
  }
}
