import { LineSink } from '@cortex/service';

import { type Terminal } from '../output/terminal.ts';

const describeLoss = (lines: number): string =>
  `… ${lines} lines were dropped because the output did not take them\n`;

/**
 * The terminal of this process, for a command that stays and serves.
 *
 * Lines that cannot be written (reader gone or too slow, disk full) are dropped; they never end or delay the command.
 */
export function serviceTerminal(): Terminal {
  const out = new LineSink(1, describeLoss);
  const err = new LineSink(2, describeLoss);
  return {
    write: (text) => out.write(text),
    print: (text) => out.write(`${text}\n`),
    warn: (text) => err.write(`${text}\n`),
    isInteractive: process.stdout.isTTY,
  };
}
