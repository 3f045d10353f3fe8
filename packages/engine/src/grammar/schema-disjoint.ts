/** Whether two branches of a `oneOf` can both be valid for a text of the grammar of the first. */
import { isJsonObject } from '@cortex/protocol';
import { asSchema, type FlatSchema, unsupported, valueKey, valueKeys } from './schema.ts';
import { SchemaCheck } from './schema-check.ts';
import { listOf, typesOf } from './schema-keywords.ts';
import type { Option, SchemaDocument } from './schema-merge.ts';
import { type Spend, WorkBudget } from './work-budget.ts';

/** The depth to which properties are compared. Discriminators are near the top. */
const MAX_DEPTH = 4;

/** The most comparisons of schemas and listed values per document: about 0.3 s. */
const MAX_COMPARISONS = 400_000;

/** Number of compared values that count as one schema. */
const VALUES_PER_STEP = 8;

const REFUSAL =
  'has branches that one value might satisfy at the same time; use anyOf, or give each branch a required property with a different const';

/** A comparison: a text written for one schema must not be valid for the other. */
interface Question {
  readonly written: FlatSchema;
  readonly other: FlatSchema;
}

/** Checks that the branches of every `oneOf` of one document are disjoint. */
export class Exclusion {
  readonly #document: SchemaDocument;
  readonly #work: WorkBudget;
  readonly #check: SchemaCheck;

  constructor(document: SchemaDocument, spend: Spend) {
    this.#document = document;
    this.#work = new WorkBudget([MAX_COMPARISONS, spend], 'oneOf', REFUSAL);
    this.#check = new SchemaCheck(document, this.#work);
  }

  /** @throws CortexError if a text written for `option` may be valid for another branch. */
  require({ schema, rivals }: Option): void {
    for (const branch of rivals) {
      for (const other of branch()) {
        if (!this.isDisjoint({ written: schema, other })) throw unsupported('oneOf', REFUSAL);
      }
    }
  }

  /** True when no text written for `written` is valid for `other`; false when that is not certain. */
  isDisjoint({ written, other }: Question, depth = 0): boolean {
    this.#work.spend(1);
    if (depth > MAX_DEPTH) return false;
    const values = written['enum'];
    const otherValues = other['enum'];
    if (Array.isArray(values) && Array.isArray(otherValues))
      return this.#shared(values, otherValues).every((value) =>
        this.#isOfOne(value, written, other),
      );
    if (Array.isArray(values)) return values.every((value) => this.#isInvalid(value, other));
    if (Array.isArray(otherValues))
      return otherValues.every((value) => this.#isInvalid(value, written));
    const otherTypes = other['type'] === undefined ? undefined : typesOf(other).map(broad);
    const types = typesOf(written).filter(
      (type) => otherTypes === undefined || otherTypes.includes(broad(type)),
    );
    if (types.some((type) => type !== 'object')) return false;
    return types.length === 0 || this.#objectsDiffer({ written, other }, depth);
  }

  #isInvalid(value: unknown, schema: FlatSchema): boolean {
    return this.#check.verdict(value, schema) === 'no';
  }

  #isOfOne(value: unknown, written: FlatSchema, other: FlatSchema): boolean {
    return this.#isInvalid(value, other) || this.#isInvalid(value, written);
  }

  /** The values in both lists. */
  #shared(a: readonly unknown[], b: readonly unknown[]): readonly unknown[] {
    const [few, many] = a.length < b.length ? [a, b] : [b, a];
    this.#work.spend(few.length / VALUES_PER_STEP);
    const keys = valueKeys(many);
    if ([...valueKeys(few)].every((key) => !keys.has(key))) return [];
    return few.filter((value) => keys.has(valueKey(value)));
  }

  #objectsDiffer({ written, other }: Question, depth: number): boolean {
    const mine = asSchema(written['properties'], 'properties');
    const theirs = asSchema(other['properties'], 'properties');
    const myRequired = new Set(listOf(written, 'required').map(String));
    const additional = written['additionalProperties'];
    const writesExtras =
      additional === undefined
        ? Object.keys(mine).length === 0 && myRequired.size === 0
        : isJsonObject(additional) || additional === true;
    const mayWrite = (key: string): boolean =>
      writesExtras || Object.hasOwn(mine, key) || myRequired.has(key);
    if (listOf(other, 'required').some((key) => !mayWrite(String(key)))) return true;
    const keys = [...myRequired].sort(
      (a, b) => Number(isListed(mine[b])) - Number(isListed(mine[a])),
    );
    return keys.some((key) => {
      const declared = Object.hasOwn(mine, key) ? mine[key] : additional;
      const known = Object.hasOwn(theirs, key) ? theirs[key] : other['additionalProperties'];
      if (known === false) return true;
      if (declared === undefined || known === undefined) return false;
      const left = this.#document.flat(asSchema(declared, 'properties'));
      const right = this.#document.flat(asSchema(known, 'properties'));
      return left.every((a) =>
        right.every((b) => this.isDisjoint({ written: a, other: b }, depth + 1)),
      );
    });
  }
}

/** Whether a property is likely to be the discriminator. */
const isListed = (schema: unknown): boolean =>
  isJsonObject(schema) && (Object.hasOwn(schema, 'const') || Object.hasOwn(schema, 'enum'));

const broad = (type: string): string => (type === 'integer' ? 'number' : type);
