/** The members of a commander command that this module uses. */
interface ParsedCommand {
  readonly options: readonly {
    readonly flags: string;
    readonly required: boolean;
    attributeName(): string;
  }[];
  readonly registeredArguments: readonly { name(): string }[];
  readonly processedArgs: readonly unknown[];
  getOptionValue(key: string): unknown;
  error(message: string, options: { readonly exitCode: number }): never;
}

const USAGE_ERROR = 2;

/**
 * Refuses options and arguments that are given as an empty text, such as `-c "$FILE"` with an unset variable, as a
 * usage error. For the `preAction` hook of a program.
 */
export function refuseEmptyValues(command: ParsedCommand): void {
  const named = [
    ...command.options
      .filter(({ required }) => required)
      .map((option) => ({
        name: `option '${option.flags}'`,
        value: command.getOptionValue(option.attributeName()),
      })),
    ...command.registeredArguments.map((argument, index) => ({
      name: `argument '${argument.name()}'`,
      value: command.processedArgs[index],
    })),
  ];
  const empty = named.find(({ value }) => value === '');
  if (empty !== undefined)
    command.error(`error: ${empty.name} must not be empty`, { exitCode: USAGE_ERROR });
}
