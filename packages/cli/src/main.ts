import { processTerminal } from './output/terminal.ts';
import { createProgram } from './program.ts';
import { runCli } from './run-cli.ts';
import { serviceTerminal } from './up/service-terminal.ts';

const terminal = processTerminal();
const program = createProgram({
  terminal,
  serviceTerminal: serviceTerminal(),
  env: process.env,
});
const exitCode = await runCli(program, process.argv.slice(2), terminal);
// A failed command may have left something running. A successful one ends by itself once its output is written.
if (exitCode !== 0) process.exit(exitCode);
