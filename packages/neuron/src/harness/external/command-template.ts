/** The command of a server, with placeholders as whole elements: no shell ever reads it. */
/** What the elements of a command may stand for. */
const PLACEHOLDERS = [
  'file',
  'port',
  'context_total',
  'slots',
  'mmproj',
  'gpu_layers',
  'n_cpu_moe',
  'spec_type',
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

/**
 * What is wrong with a command: an element with a placeholder and other text, or an unknown placeholder. Completes a
 * sentence about the command; undefined if nothing is wrong.
 */
export function commandProblem(command: readonly string[]): string | undefined {
  for (const [index, element] of command.entries()) {
    const [, name] = /\$\{([^}]*)\}/.exec(element) ?? [];
    if (name === undefined || (index > 0 && placeholderOf(element) !== undefined)) continue;
    const known = PLACEHOLDERS.map((placeholder) => `\${${placeholder}}`).join(' ');
    return isPlaceholder(name)
      ? `has "${element}": \${${name}} must be an element of its own, behind the program`
      : `has \${${name}}, which is not a placeholder: ${known}`;
  }
  return undefined;
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
