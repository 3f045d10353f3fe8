import { type LoadedConfig } from '@cortex/service';

export interface ConfigValue {
  readonly key: string;
  readonly value: unknown;
  /** `default`, `cortex.toml:12`, a variable or a flag. */
  readonly origin: string;
}

const KEY_PART = /"((?:[^"\\]|\\.)*)"|\[(\d+)\]|([A-Za-z0-9_-]+)/g;

/** `neurons[0].endpoint` → `['neurons', '0', 'endpoint']`. */
function partsOf(key: string): string[] {
  return [...key.matchAll(KEY_PART)].map(([whole, quoted, index, bare]) =>
    quoted === undefined ? (index ?? bare ?? whole) : String(JSON.parse(whole)),
  );
}

function valueAt(value: unknown, parts: readonly string[]): unknown {
  return parts.reduce<unknown>(
    (inner, part) =>
      typeof inner === 'object' && inner !== null
        ? (Object.getOwnPropertyDescriptor(inner, part)?.value ?? undefined)
        : undefined,
    value,
  );
}

/** Every value of a configuration with its dotted key and origin, in the order of the schema. */
export function listValues(loaded: LoadedConfig<unknown>): ConfigValue[] {
  return [...loaded.origins].map(([key, origin]) => ({
    key,
    value: valueAt(loaded.value, partsOf(key)),
    origin,
  }));
}
