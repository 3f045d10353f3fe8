import { LineSink } from '@cortex/service';

import { type Terminal } from '../output/terminal.ts';

const describeLoss = (lines: number): string =>
  `… dropped ${lines} lines because the output was full or closed\n`;

/**
 * The terminal of this process, for a command that keeps running.
 *
 * Lines that cannot be written (pipe closed, reader too slow, disk full) are dropped; they never end or delay the
 * command.
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
