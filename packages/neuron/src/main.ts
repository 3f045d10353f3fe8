import { runNeuron } from './program.ts';

const exitCode = await runNeuron(process.argv.slice(2), {
  env: process.env,
  output: {
    print: (text) => void process.stdout.write(`${text}\n`),
    warn: (text) => void process.stderr.write(`${text}\n`),
  },
});
// What failed may have left something running; what worked ends by itself, its output written.
if (exitCode !== 0) process.exit(exitCode);
