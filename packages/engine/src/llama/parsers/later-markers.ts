import type { ReasoningMarkers } from './reasoning-markers.ts';

/** Finds reasoning markers that a model leaks into its content, but not those that it quotes. */
export class StrayMarkers {
  readonly #markers: ReasoningMarkers;
  #isOpen = false;

  constructor(markers: ReasoningMarkers) {
    this.#markers = markers;
  }

  get markers(): readonly string[] {
    return [this.#markers.open, this.#markers.close];
  }

  /** Whether `marker`, the next one in the content, has no counterpart. A marker in quotes is text. */
  isStray(marker: string, charBefore: string): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = marker === this.#markers.open;
    return marker === this.#markers.close && !wasOpen && !this.isQuoted(charBefore);
  }

  isQuoted(charBefore: string): boolean {
    return '`\'"'.includes(charBefore || ' ');
  }
}
