import { z } from 'zod';

const Health = z.looseObject({
  models: z.array(
    z.looseObject({ id: z.string(), in_flight: z.number(), queue_depth: z.number() }),
  ),
});

/** The calls of a benchmark to a neuron. */
export class NeuronClient {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Loads a model with four slots, waiting for it. */
  load(model: string): Promise<void> {
    const settings = { model_id: model, context_length: 2048, slots: 4 };
    return this.#manage('/models/load?wait=true', settings);
  }

  unload(model: string): Promise<void> {
    return this.#manage('/models/unload', { model_id: model });
  }

  /** Starts a streamed chat. */
  chat(model: string, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.#url}/v1/chat/completions`, {
      method: 'POST',
      ...(signal && { signal }),
      body: JSON.stringify({
        model,
        stream: true,
        ignore_eos: true,
        messages: [{ role: 'user', content: 'What is cortex?' }],
      }),
    });
  }

  /** Requests of `model` that hold a seat. */
  async seatsTaken(model: string): Promise<number> {
    const health = Health.parse(await (await fetch(`${this.#url}/health`)).json());
    const load = health.models.find(({ id }) => id === model);
    return (load?.in_flight ?? 0) + (load?.queue_depth ?? 0);
  }

  async #manage(path: string, body: object): Promise<void> {
    const answer = await fetch(this.#url + path, { method: 'POST', body: JSON.stringify(body) });
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  }
}
