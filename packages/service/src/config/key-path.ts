/** A path into a configuration: table keys and array indexes. */
export type KeyPath = readonly (string | number)[];

const BARE_KEY = /^[A-Za-z0-9_-]+$/;

/** `['neurons', 0, 'endpoint']` → `neurons[0].endpoint`; keys that TOML would quote are quoted. */
export function formatKeyPath(path: KeyPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += `${text === '' ? '' : '.'}${BARE_KEY.test(part) ? part : JSON.stringify(part)}`;
  }
  return text;
}

/** A TOML table; any other value is a leaf. */
export type Tree = { [key: string]: unknown };

/** Whether `value` is a table, and not an array, date or other object. */
export function isTree(value: unknown): value is Tree {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
