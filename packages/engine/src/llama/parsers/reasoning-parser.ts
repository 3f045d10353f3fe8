import {
  lengthBeforeSpace,
  MAX_SPACE_CHARS,
  type OutputDelta,
  type OutputParser,
  partialMarker,
} from './output-parser.ts';

export interface ReasoningMarkers {
  readonly open: string;
  readonly close: string;
}

type Phase =
  /** Nothing but white space so far: the answer may still begin with reasoning. */
  | 'start'
  /** Behind the opening marker, before the first character that is no line break. */
  | 'opened'
  | 'reasoning'
  /** Behind the closing marker, before the first character that is no white space. */
  | 'closed'
  | 'content';

/**
 * Splits `<think>…</think>` off the start of an answer; the rest goes to `inner`.
 *
 * The line breaks that models put around the markers belong to the markers.
 */
export class ReasoningParser implements OutputParser {
  readonly #markers: ReasoningMarkers;
  readonly #inner: OutputParser;
  #phase: Phase;
  #held = '';

  /** @param startsInside - the prompt ended behind an opening marker, so the answer begins within reasoning. */
  constructor(
    inner: OutputParser,
    markers: ReasoningMarkers,
    options: { readonly startsInside: boolean },
  ) {
    this.#inner = inner;
    this.#markers = markers;
    this.#phase = options.startsInside ? 'opened' : 'start';
  }

  get isReasoning(): boolean {
    return this.#phase === 'opened' || this.#phase === 'reasoning';
  }

  get toolCalls(): number {
    return this.#inner.toolCalls;
  }

  push(text: string): readonly OutputDelta[] {
    if (this.#phase === 'content') return this.#inner.push(text);
    this.#held += text;
    const out: OutputDelta[] = [];
    while (this.#advance(out));
    return out;
  }

  end(): readonly OutputDelta[] {
    const held = this.#held;
    this.#held = '';
    switch (this.#phase) {
      case 'start':
      case 'content':
        return [...this.#inner.push(held), ...this.#inner.end()];
      case 'opened':
      case 'reasoning': {
        const reasoning = held.slice(0, lengthBeforeSpace(held));
        return reasoning === '' ? [] : [{ reasoning }];
      }
      case 'closed':
        return this.#inner.end();
    }
  }

  /** One move of the machine over what is held; false when it needs more text. */
  #advance(out: OutputDelta[]): boolean {
    switch (this.#phase) {
      case 'start':
        return this.#start(out);
      case 'opened':
        this.#held = this.#held.replace(/^\n+/, '');
        if (this.#held === '') return false;
        this.#phase = 'reasoning';
        return true;
      case 'reasoning':
        return this.#reasoning(out);
      case 'closed':
        this.#held = this.#held.trimStart();
        if (this.#held === '') return false;
        this.#phase = 'content';
        return true;
      case 'content':
        out.push(...this.#inner.push(this.#held));
        this.#held = '';
        return false;
    }
  }

  #start(out: OutputDelta[]): boolean {
    const begin = this.#held.trimStart();
    const { open, close } = this.#markers;
    const isFarFromStart = this.#held.length - begin.length > MAX_SPACE_CHARS;
    if (!isFarFromStart && begin.startsWith(open)) {
      this.#held = begin.slice(open.length);
      this.#phase = 'opened';
      return true;
    }
    // Models that were told not to think close what they have not opened.
    if (!isFarFromStart && begin.startsWith(close)) {
      this.#held = begin.slice(close.length);
      this.#phase = 'closed';
      return true;
    }
    if (!isFarFromStart && (open.startsWith(begin) || close.startsWith(begin))) return false;
    this.#phase = 'content';
    out.push(...this.#inner.push(this.#held));
    this.#held = '';
    return false;
  }

  #reasoning(out: OutputDelta[]): boolean {
    const { close } = this.#markers;
    const at = this.#held.indexOf(close);
    if (at >= 0) {
      const reasoning = this.#held.slice(0, lengthBeforeSpace(this.#held.slice(0, at)));
      if (reasoning !== '') out.push({ reasoning });
      this.#held = this.#held.slice(at + close.length);
      this.#phase = 'closed';
      return true;
    }
    const open = this.#held.slice(0, this.#held.length - partialMarker(this.#held, close));
    const settled = open.slice(0, lengthBeforeSpace(open));
    if (settled !== '') out.push({ reasoning: settled });
    this.#held = this.#held.slice(settled.length);
    return false;
  }
}
