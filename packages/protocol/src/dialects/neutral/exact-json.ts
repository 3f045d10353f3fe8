type Reviver = (key: string, value: unknown, context: { readonly source?: string }) => unknown;

interface ExactJson {
  parse(text: string, reviver: Reviver): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- ECMAScript's proposal "JSON.parse source text access", which Bun has and the types of TypeScript do not
const exactJson = JSON as unknown as ExactJson;

/**
 * Parses JSON so that `JSON.stringify` writes every number as it was spelled: ids above 2^53 keep all digits, 1.0 stays
 * 1.0. Such a number is an opaque object here; `toNumber` reads it.
 *
 * @throws SyntaxError for other text
 */
export const parseExactly = (text: string): unknown =>
  exactJson.parse(text, (_, value, { source }) =>
    typeof value === 'number' && source !== undefined && source !== String(value)
      ? exactJson.rawJSON(source)
      : value,
  );

/** A number that `parseExactly` has kept, as a number; any other value as it is. */
export const toNumber = (value: unknown): unknown =>
  exactJson.isRawJSON(value) ? Number(value.rawJSON) : value;
