import { homedir } from 'node:os';

import { runNeuron } from './program.ts';

try {
  homedir();
} catch {
  // A library of the engine asks for it when it is loaded, and service users may have none.
  process.env['HOME'] = '/';
}

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
