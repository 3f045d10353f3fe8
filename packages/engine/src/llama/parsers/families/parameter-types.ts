import { repairedValue } from '../json-arguments.ts';
import { isOf, MemberTypes, type ValueType } from '../member-types.ts';
import { parseJson } from '../script-steps.ts';

/** Python spellings, which templates print and models imitate. */
const PYTHON: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

/** Converts the unquoted text of parameters to values of the types in the tool's schema. */
export class ParameterTypes {
  readonly #members: MemberTypes;

  /** @param parameters - JSON schema of all parameters; undefined if unknown. */
  constructor(parameters: unknown) {
    this.#members = new MemberTypes(parameters);
  }

  /** Whether the value of `key` is always a string. */
  isText(key: string): boolean {
    return this.#members.isOnly(key, 'string');
  }

  /** Keys of the other parameters. */
  others(key: string): ReadonlySet<string> {
    return new Set(this.#members.keys.filter((one) => one !== key));
  }

  /** Whether the schema allows a string for `key` or does not constrain it. */
  mayBeText(key: string): boolean {
    return this.#members.of(key)?.types.has('string') ?? true;
  }

  /** The JSON text of a value. A text that fits no other allowed type is a string. */
  read(key: string, text: string): string {
    const type = this.#members.of(key);
    const trimmed = text.trim();
    for (const json of [trimmed, PYTHON[trimmed]]) {
      if (json === undefined) continue;
      const value = parseJson(json);
      if (value === undefined) continue;
      const isOnlyJson = type !== undefined && !type.types.has('string');
      if (isOnlyJson || (typeof value !== 'string' && isOf(value, type))) return json;
    }
    return (
      this.#members.number(key, trimmed) ?? this.#repaired(trimmed, type) ?? JSON.stringify(text)
    );
  }

  /** A list or an object in Python syntax as JSON, if the schema allows no string. */
  #repaired(text: string, type: ValueType | undefined): string | undefined {
    if (!/^[[{]/.test(text) || type === undefined || type.types.has('string')) return undefined;
    const json = repairedValue(text);
    return json !== undefined && isOf(parseJson(json), type) ? json : undefined;
  }
}
