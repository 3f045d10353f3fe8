import { homedir } from 'node:os';

import { systemReason } from '@cortex/service';

import { runNeuron } from './program.ts';

try {
  homedir();
} catch {
  // A library of the engine asks for it when it is loaded, and service users may have none.
  process.env['HOME'] = '/';
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader closed the pipe, as in `neuron discover | head -1`.
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`neuron: standard output cannot be written: ${systemReason(error)}\n`);
  process.exit(1);
});
// An error that cannot be printed is visible in the exit code alone.
process.stderr.on('error', () => undefined);

const exitCode = await runNeuron(process.argv.slice(2), {
  env: process.env,
  output: {
    print: (text) => void process.stdout.write(`${text}\n`),
    warn: (text) => void process.stderr.write(`${text}\n`),
  },
});
// After a failure something may still run, so the process must exit. After success it ends by itself, once its
// output is written.
if (exitCode !== 0) process.exit(exitCode);
