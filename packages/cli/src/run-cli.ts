import { type Command, CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings';
import { ConfigError, isSystemError } from '@cortex/service';

import { CliError } from './cli-error.ts';
import { type Terminal } from './output/terminal.ts';

/** Makes commander throw instead of ending the process, in `command` and all below it. */
function neverExit(command: CommandUnknownOpts): void {
  command.exitOverride();
  command.showHelpAfterError('(--help shows how it is called)');
  for (const child of command.commands) neverExit(child);
}

/** Runs the command line; 0 when it worked, 1 when it failed, 2 when it was called wrongly. */
export async function runCli(
  program: Command,
  args: readonly string[],
  terminal: Terminal,
): Promise<0 | 1 | 2> {
  neverExit(program);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // commander has printed its own message by now; help and version are no errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof CliError || error instanceof ConfigError || isSystemError(error)) {
      terminal.warn(`cortex: ${error.message}`);
      return error instanceof CliError ? error.exitCode : 1;
    }
    throw error;
  }
}
