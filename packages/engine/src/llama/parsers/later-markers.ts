import { CodeFence } from './code-fence.ts';
import type { ReasoningMarkers } from './reasoning-markers.ts';

/** A reasoning marker in the content, and what precedes it. */
export interface LaterMarker {
  readonly marker: string;
  /** The character before it; empty at the start of the answer. */
  readonly charBefore: string;
  /** The white space before it, which is not emitted yet. */
  readonly space: string;
  /** Only white space is between the last call and the marker. */
  readonly isAfterCall: boolean;
}

/** Decides what the reasoning markers after the start of an answer are: more reasoning, leaked, or text. */
export class LaterMarkers {
  readonly #markers: ReasoningMarkers;
  readonly #fence = new CodeFence();
  #isOpen = false;

  constructor(markers: ReasoningMarkers) {
    this.#markers = markers;
  }

  get all(): readonly string[] {
    return [this.#markers.open, this.#markers.close];
  }

  /** Takes note of emitted content. */
  addContent(text: string): void {
    this.#fence.push(text);
  }

  /** Whether the marker starts reasoning: outside code, at the start of a line or after a call, as models write it. */
  startsReasoning({ marker, space, isAfterCall }: LaterMarker): boolean {
    const fence = this.#fence.after(space);
    if (marker !== this.#markers.open || fence.isOpen) return false;
    return isAfterCall || fence.isAtLineStart;
  }

  /** Whether the marker, the next one in the content, has no counterpart. A marker in quotes or code is text. */
  isStray(found: LaterMarker): boolean {
    const wasOpen = this.#isOpen;
    this.#isOpen = found.marker === this.#markers.open;
    return found.marker === this.#markers.close && !wasOpen && !this.isText(found);
  }

  /** Whether the marker is certainly text. */
  isText({ charBefore, space }: LaterMarker): boolean {
    return this.#fence.after(space).isOpen || '`\'"'.includes(charBefore || ' ');
  }

  /** Takes note of the closing marker of an empty pair. */
  addEmptyPair(): void {
    this.#isOpen = false;
  }
}
