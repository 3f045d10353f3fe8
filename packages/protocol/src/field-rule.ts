/** What becomes of a field of a request: the rows of the tables from which the list of fields is written. */

type Body = Readonly<Record<string, unknown>>;

/** Values of a field that ask for nothing. */
export interface Neutral {
  /** For readers: `` `0` or less ``. */
  readonly words: string;
  readonly has: (value: unknown, body: Body) => boolean;
}

export type FieldRule =
  /** Read, or refused with what it takes. Without its route it is refused unless `neutral`. */
  | { readonly kind: 'honoured'; readonly effect: string; readonly neutral?: Neutral | undefined }
  /** Taken without effect, for a reason. */
  | { readonly kind: 'tolerated'; readonly why: string }
  /** Refused by name, unless `neutral`. */
  | {
      readonly kind: 'refused';
      readonly neutral?: Neutral | undefined;
      readonly instead?: string | undefined;
    };

/** Fields that the same servers know, on the same routes. */
export interface FieldsOf<Route extends string, Rule = FieldRule> {
  /** The servers and services whose references name them. */
  readonly knownTo: string;
  readonly routes: readonly Route[];
  readonly fields: Readonly<Record<string, Rule>>;
}

export const honoured = (effect: string, neutral?: Neutral): FieldRule => ({
  kind: 'honoured',
  effect,
  neutral,
});

export const tolerated = (why: string): FieldRule => ({ kind: 'tolerated', why });

/** @param instead - the field or setting that does it here */
export const refused = (neutral?: Neutral, instead?: string): FieldRule => ({
  kind: 'refused',
  neutral,
  instead,
});

export const refusedFor = (instead: string): FieldRule => refused(undefined, instead);

/** One of `values`. */
export const only = (...values: readonly (string | number | boolean)[]): Neutral => ({
  words: values.map((value) => `\`${JSON.stringify(value)}\``).join(', '),
  has: (value) => values.some((neutral) => neutral === value),
});

export const upTo = (most: number): Neutral => ({
  words: `\`${most}\` or less`,
  has: (value) => typeof value === 'number' && value <= most,
});

export const empty: Neutral = {
  words: 'empty',
  has: (value) =>
    value === '' ||
    (typeof value === 'object' && value !== null && Object.keys(value).length === 0),
};

export const anyValue: Neutral = { words: 'any value', has: () => true };

/**
 * The fields of the elements of a list that have a `type`, by their paths: `text` and `text.citations` are `LIST[text]` and
 * `LIST[text].citations`.
 */
export const elements = <Rule>(
  list: string,
  fields: Readonly<Record<string, Rule>>,
): Readonly<Record<string, Rule>> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, rule]) => [
      name.replace(/^[^.]+/, (type) => `${list}[${type}]`),
      rule,
    ]),
  );
