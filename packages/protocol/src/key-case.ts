/** Converts member names between snake_case (wire and TOML) and camelCase (internal). Values are unchanged. */

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;

/** `T` with its own members in camelCase; members of its values keep their names. */
export type CamelKeys<T> = {
  readonly [K in keyof T as K extends string ? Camel<K> : K]: T[K];
};

const renamed = (value: object, rename: (name: string) => string): unknown =>
  Object.fromEntries(Object.entries(value).map(([name, member]) => [rename(name), member]));

/** `{kv_type}` → `{kvType}` */
export const camelKeys = <T extends object>(value: T): CamelKeys<T> =>
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type says what the code does
  renamed(value, (name) =>
    name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()),
  ) as CamelKeys<T>;

/** `{kvType}` → `{kv_type}` */
export const snakeKeys = (value: object): unknown =>
  renamed(value, (name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`));
