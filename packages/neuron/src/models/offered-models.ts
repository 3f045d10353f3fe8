/** The models that the servers of this node's harnesses list (`Offers`), under ids that no file has. */
import type { LoadModelRequest } from '@cortex/protocol';
import type { Logger } from '@cortex/service';

import type { Harness, OfferedModel, Offers } from '../harness/harness.ts';

/** A model that a load without `harness` gets from a server. */
export interface Offer extends OfferedModel {
  /** Name of the harness. */
  readonly harness: string;
}

interface OfferedModelsOptions {
  /** Of two that list one id, the first has it. */
  readonly harnesses: readonly Harness[];
  /** Whether a file of this node has the id. */
  readonly isFile: (id: string) => boolean;
  /** Called with each id whose offer has changed. */
  readonly onChange: (id: string) => void;
  readonly log: Pick<Logger, 'info'>;
}

/** Ids shown in a log line. */
const MAX_SHOWN = 8;

const offersOf = (harness: Harness): Offers | undefined =>
  harness.needs === 'gguf' ? undefined : harness.offers;

export class OfferedModels {
  readonly #options: OfferedModelsOptions;
  #offers: ReadonlyMap<string, Offer> = new Map();
  /** Ids that were listed and belong to a file. */
  #hidden: ReadonlySet<string> = new Set();

  constructor(options: OfferedModelsOptions) {
    this.#options = options;
    for (const harness of options.harnesses) {
      offersOf(harness)?.changes.add(() => this.#changed());
    }
  }

  get ids(): readonly string[] {
    return [...this.#offers.keys()].filter((id) => !this.#options.isFile(id));
  }

  /** Undefined for an id that no server lists, or that a file has. */
  get(id: string): Offer | undefined {
    return this.#options.isFile(id) ? undefined : this.#offers.get(id);
  }

  /** The call with the harness that has the model, unless it names a harness or a source. */
  complete(request: LoadModelRequest): LoadModelRequest {
    if (request.harness !== undefined || request.source !== undefined) return request;
    const offer = this.get(request.model_id);
    return offer ? { ...request, harness: offer.harness } : request;
  }

  /** Call it after a scan of the folders. */
  filesScanned(): void {
    const { isFile, log } = this.#options;
    const hidden = new Set([...this.#offers.keys()].filter(isFile));
    const fresh = [...hidden].filter((id) => !this.#hidden.has(id));
    this.#hidden = hidden;
    if (fresh.length === 0) return;
    log.info(
      { count: fresh.length, models: fresh.slice(0, MAX_SHOWN) },
      'models of external servers have the ids of files on this node: a load without harness takes the file',
    );
  }

  #changed(): void {
    const before = this.#offers;
    this.#offers = offersByHarness(this.#options.harnesses);
    for (const id of new Set([...before.keys(), ...this.#offers.keys()])) {
      if (!Bun.deepEquals(before.get(id), this.#offers.get(id))) this.#options.onChange(id);
    }
    this.filesScanned();
  }
}

function offersByHarness(harnesses: readonly Harness[]): ReadonlyMap<string, Offer> {
  const offers = new Map<string, Offer>();
  for (const harness of harnesses) {
    for (const model of offersOf(harness)?.models ?? []) {
      if (!offers.has(model.id)) offers.set(model.id, { ...model, harness: harness.name });
    }
  }
  return offers;
}
