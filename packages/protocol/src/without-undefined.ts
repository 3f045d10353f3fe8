/** `T` with every member that can be undefined made optional, for interfaces whose missing members are absent. */
export type WithoutUndefined<T> = {
  [K in keyof T as undefined extends T[K] ? never : K]: T[K];
} & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** A copy without the members that are undefined. */
export function withoutUndefined<T extends object>(value: T): WithoutUndefined<T> {
  const kept = Object.entries(value).filter(([, member]) => member !== undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- entries forget the types of their members
  return Object.fromEntries(kept) as WithoutUndefined<T>;
}
