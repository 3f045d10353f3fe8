import { type Command, CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { ConfigError, hideFalseDefaults, isSystemError } from '@cortex/service';

import { CliError } from './cli-error.ts';
import { type Terminal } from './output/terminal.ts';
import { visibleText } from './output/visible-text.ts';

/**
 * Makes commander throw instead of ending the process, and sets the style of its help, for `command` and its
 * subcommands.
 */
function configure(command: CommandUnknownOpts): void {
  command.exitOverride();
  hideFalseDefaults(command);
  command.showHelpAfterError('(see --help for usage)');
  for (const child of command.commands) configure(child);
}

/** Runs the command line. @returns 0 on success, 1 on failure, 2 on a usage error */
export async function runCli(
  program: Command,
  args: readonly string[],
  terminal: Terminal,
): Promise<0 | 1 | 2> {
  configure(program);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // commander has already printed its message; help and version are not errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof CliError || error instanceof ConfigError || isSystemError(error)) {
      terminal.warn(`cortex: ${visibleText(error.message)}`);
      return error instanceof CliError ? error.exitCode : 1;
    }
    throw error;
  }
}
