/** The members of a commander option that this module uses. */
interface HelpOption {
  readonly description: string;
  readonly defaultValue?: unknown;
  isBoolean(): boolean;
}

/** The members of a commander command that this module uses. */
interface CommandWithHelp {
  createHelp(): { optionDescription(option: HelpOption): string };
  configureHelp(configuration: { optionDescription(option: HelpOption): string }): unknown;
}

/** Leaves "(default: false)" out of the help of `command`: a flag that is not given is off. */
export function hideFalseDefaults(command: CommandWithHelp): void {
  const help = command.createHelp();
  command.configureHelp({
    optionDescription: (option) =>
      option.isBoolean() && option.defaultValue === false
        ? option.description
        : help.optionDescription(option),
  });
}
