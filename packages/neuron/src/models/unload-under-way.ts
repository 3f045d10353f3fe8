/** An unload under way. Requests in flight finish first, unless it is forced. */
export class UnloadUnderWay {
  readonly done: Promise<void>;
  readonly #forced = Promise.withResolvers<void>();
  #isDraining: boolean;

  /**
   * @param options.idle - Resolves when no request is in flight; absent: requests are not waited for.
   * @param options.end - Frees the model.
   */
  constructor(options: { readonly idle?: Promise<void>; readonly end: () => Promise<void> }) {
    const { idle, end } = options;
    this.#isDraining = idle !== undefined;
    this.done = Promise.race([idle, this.#forced.promise]).then(() => {
      this.#isDraining = false;
      return end();
    });
    this.done.catch(() => undefined);
  }

  get state(): 'draining' | 'unloading' {
    return this.#isDraining ? 'draining' : 'unloading';
  }

  /** Stops waiting for requests. */
  force(): void {
    this.#forced.resolve();
  }
}
