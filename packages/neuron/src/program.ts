import { Command, CommanderError, type CommandUnknownOpts } from '@commander-js/extra-typings';
import {
  ConfigError,
  hideFalseDefaults,
  isSystemError,
  refuseEmptyValues,
  versionText,
} from '@cortex/service';

import { buildCommand } from './commands/build.ts';
import { certCommand } from './commands/cert.ts';
import { CommandFailed } from './commands/command-failed.ts';
import { discoverCommand } from './commands/discover.ts';
import { doctorCommand } from './commands/doctor.ts';
import { healthCommand } from './commands/health.ts';
import { joinCommand } from './commands/join.ts';
import { serveCommand } from './commands/serve.ts';
import { PRODUCT_VERSION } from './version.ts';

/** Output of the command line. Tests pass their own. */
export interface Output {
  readonly print: (text: string) => void;
  readonly warn: (text: string) => void;
}

/** Makes commander throw instead of ending the process, and sets the style of its help, in `command` and all below it. */
function configure(command: CommandUnknownOpts, { print, warn }: Output): void {
  command.exitOverride();
  command.configureOutput({
    writeOut: (text) => print(text.trimEnd()),
    writeErr: (text) => warn(text.trimEnd()),
  });
  hideFalseDefaults(command);
  command.showHelpAfterError('(run with --help for usage)');
  for (const child of command.commands) configure(child, { print, warn });
}

/**
 * Runs `neuron …`: 0 on success, 1 on failure, 2 on a usage error.
 *
 * `serve` returns 0 once the daemon runs; the daemon exits the process later.
 */
export async function runNeuron(
  args: readonly string[],
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly output: Output },
): Promise<0 | 1 | 2> {
  const { env, output } = options;
  const program = new Command('neuron')
    .description('The node daemon: manages the hardware, engines and models of one machine.')
    .version(versionText(PRODUCT_VERSION))
    .hook('preAction', (_, action) => refuseEmptyValues(action))
    .addCommand(serveCommand(env))
    .addCommand(discoverCommand(env, output.print))
    .addCommand(doctorCommand(env, output.print))
    .addCommand(healthCommand(env, output.print))
    .addCommand(certCommand(env, output.print))
    .addCommand(joinCommand(env, output.print))
    .addCommand(buildCommand(env, output.print));
  configure(program, output);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return 0;
  } catch (error) {
    // commander has printed its message; help and version are not errors.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof CommandFailed) return 1;
    if (!(error instanceof ConfigError) && !isSystemError(error)) throw error;
    output.warn(`neuron: ${error.message}`);
    return 1;
  }
}
