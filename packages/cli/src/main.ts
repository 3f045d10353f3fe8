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
// A command that failed may have left something running; one that worked ends by itself, its output written.
if (exitCode !== 0) process.exit(exitCode);
