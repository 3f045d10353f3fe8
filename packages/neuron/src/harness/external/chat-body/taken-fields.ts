/** How long a refusal counts: it may have been about the value of one request. */
const REFUSED_MS = 600_000;

/** What a server has shown of each choice, `effort none` for one: taken, or refused until then. */
type Known = Map<string, 'taken' | { readonly untilMs: number }>;

/**
 * What one server has shown about fields that it may refuse, since its last start. Learned from whether it answers,
 * never from the text of a refusal.
 */
export class TakenFields {
  readonly #nowMs: () => number;
  #known: Known = new Map();
  #incarnation: number | undefined;

  /** @param nowMs - Monotonic. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** @param incarnation - A restarted server may be another version or have other settings. */
  of(incarnation: number): this {
    // Requests to the server before keep theirs.
    if (incarnation !== this.#incarnation) this.#known = new Map();
    this.#incarnation = incarnation;
    return this;
  }

  /** The first form of a request: of each option the first choice that is not known to be refused. */
  open(options: readonly FormOption[]): RequestForms {
    return new RequestForms(options, this.#known, this.#nowMs);
  }
}

/** Choices for one thing in a request, the most exact first. The last, undefined, leaves it out. */
export type FormOption = readonly [...string[], undefined];

type Form = readonly (string | undefined)[];

/** The forms in which one request is tried, until the server takes one. */
export class RequestForms {
  readonly #options: readonly FormOption[];
  readonly #known: Known;
  readonly #nowMs: () => number;
  readonly #refused: Form[] = [];
  #form: Form;

  constructor(options: readonly FormOption[], known: Known, nowMs: () => number) {
    this.#options = options;
    this.#known = known;
    this.#nowMs = nowMs;
    this.#form = options.map((choices) => this.#firstOf(choices));
  }

  /** The choice of each option. */
  get form(): Form {
    return this.#form;
  }

  /**
   * The server has refused the form. The next one leaves out or weakens the first choice that it has never taken.
   *
   * @returns whether there is one
   */
  refused(): boolean {
    this.#refused.push(this.#form);
    const at = this.#form.findIndex(
      (choice) => choice !== undefined && this.#known.get(choice) !== 'taken',
    );
    const choices = this.#options[at];
    if (!choices) return false;
    const rest = choices.slice(choices.indexOf(this.#form[at]) + 1);
    this.#form = this.#form.with(at, this.#firstOf(rest));
    return true;
  }

  /** The server has taken the form. What it refused in one that differs in nothing else is not sent to it again. */
  taken(): void {
    for (const choice of this.#form) if (choice !== undefined) this.#known.set(choice, 'taken');
    const untilMs = this.#nowMs() + REFUSED_MS;
    for (const refused of this.#refused) {
      const others = refused.filter((choice, at) => choice !== this.#form[at]);
      const [only] = others;
      if (others.length === 1 && only !== undefined && this.#known.get(only) !== 'taken')
        this.#known.set(only, { untilMs });
    }
  }

  #firstOf(choices: readonly (string | undefined)[]): string | undefined {
    return choices.find((choice) => choice === undefined || !this.#isRefused(choice));
  }

  #isRefused(choice: string): boolean {
    const known = this.#known.get(choice);
    return typeof known === 'object' && known.untilMs > this.#nowMs();
  }
}
