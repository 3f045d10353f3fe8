/** The command of a server, with placeholders as whole elements: no shell ever reads it. */
import { ConfigError } from '@cortex/service';

/** What the elements of a command may stand for. */
const PLACEHOLDERS = [
  'file',
  'port',
  'context_total',
  'slots',
  'mmproj',
  'gpu_layers',
  'n_cpu_moe',
] as const;
export type Placeholder = (typeof PLACEHOLDERS)[number];

/** A value per placeholder; undefined: the element and the option before it are left out. */
export type PlaceholderValues = Readonly<Record<Placeholder, string | number | undefined>>;

const isPlaceholder = (name: string): name is Placeholder =>
  PLACEHOLDERS.some((known) => known === name);

const WHOLE = /^\$\{([^}]*)\}$/;

/** The placeholder that an element is; undefined for other text. */
function placeholderOf(element: string): Placeholder | undefined {
  const [, name] = WHOLE.exec(element) ?? [];
  return name !== undefined && isPlaceholder(name) ? name : undefined;
}

/** The placeholders of a command. */
export const placeholdersOf = (command: readonly string[]): ReadonlySet<Placeholder> =>
  new Set(command.map(placeholderOf).filter((name) => name !== undefined));

/** @throws ConfigError naming an element that holds a placeholder and other text, or an unknown placeholder */
export function checkCommand(command: readonly string[], key: string): void {
  for (const [index, element] of command.entries()) {
    const [, name] = /\$\{([^}]*)\}/.exec(element) ?? [];
    if (name === undefined || (index > 0 && placeholderOf(element) !== undefined)) continue;
    const known = PLACEHOLDERS.map((placeholder) => `\${${placeholder}}`).join(' ');
    const problem = isPlaceholder(name)
      ? `"${element}" must be an element of its own, behind the program`
      : `\${${name}} is not a placeholder`;
    throw new ConfigError(`${key}: ${problem}. Placeholders: ${known}`, { key });
  }
}

/**
 * The command with values for its placeholders. Where a value is absent, the placeholder is left out, with the option
 * before it (`--mmproj`).
 */
export function fillCommand(command: readonly string[], values: PlaceholderValues): string[] {
  const filled: string[] = [];
  for (const element of command) {
    const name = placeholderOf(element);
    const value = name === undefined ? element : values[name];
    if (value !== undefined) filled.push(String(value));
    else if (filled.at(-1)?.startsWith('-') && filled.length > 1) filled.pop();
  }
  return filled;
}
