type TomlValue =
  | string
  | number
  | boolean
  | readonly TomlValue[]
  | { readonly [key: string]: TomlValue | undefined };

const BARE_KEY = /^[A-Za-z0-9_-]+$/;

/** A value as one line of TOML for an environment variable. Undefined members are omitted. */
export function toInlineToml(value: TomlValue): string {
  // JSON strings are TOML basic strings except for DEL, which TOML requires to be escaped.
  if (typeof value === 'string') return JSON.stringify(value).replaceAll('\u007F', '\\u007F');
  if (typeof value !== 'object') return String(value);
  if (isList(value)) return `[${value.map(toInlineToml).join(', ')}]`;
  const members = Object.entries(value).flatMap(([key, member]) =>
    member === undefined
      ? []
      : [`${BARE_KEY.test(key) ? key : JSON.stringify(key)} = ${toInlineToml(member)}`],
  );
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

const isList = (value: TomlValue): value is readonly TomlValue[] => Array.isArray(value);
