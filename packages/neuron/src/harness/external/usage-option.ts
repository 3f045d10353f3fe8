/** Whether a server takes `stream_options`; undefined until an answer has shown it. */
export interface UsageOption {
  isTaken: boolean | undefined;
}

/** What one server has shown about `stream_options` since its last start. */
export class UsageOptions {
  #incarnation: number | undefined;
  #option: UsageOption = { isTaken: undefined };

  /** @param incarnation - A restarted server may be another version or have other settings. */
  of(incarnation: number): UsageOption {
    if (incarnation !== this.#incarnation) this.#option = { isTaken: undefined };
    this.#incarnation = incarnation;
    return this.#option;
  }
}
