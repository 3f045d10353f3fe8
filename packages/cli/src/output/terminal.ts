/** The output of a command; replaceable in tests. */
export interface Terminal {
  /** Writes the text without adding a line end. */
  write(text: string): void;
  /** One line on standard output. */
  print(text: string): void;
  /** One line on standard error. */
  warn(text: string): void;
  /** Whether standard output is a terminal, so that colour and redrawing make sense. */
  readonly isInteractive: boolean;
}

/** The terminal of this process, for a command that prints and exits. It waits for a slow reader. */
export function processTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader closed the pipe, as in `cortex models | head -1`.
    if (error.code === 'EPIPE') process.exit(0);
    const reason = error.code === 'ENOSPC' ? 'no space left on the disk' : `error ${error.code}`;
    process.stderr.write(`cortex: standard output cannot be written: ${reason}\n`);
    process.exit(1);
  });
  // An error that cannot be printed is visible in the exit code alone.
  process.stderr.on('error', () => undefined);
  return {
    write: (text) => void process.stdout.write(text),
    print: (text) => void process.stdout.write(`${text}\n`),
    warn: (text) => void process.stderr.write(`${text}\n`),
    isInteractive: process.stdout.isTTY,
  };
}

const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  yellow: [33, 39],
  green: [32, 39],
} as const;
export type Style = keyof typeof STYLES;
export type Paint = (style: Style, text: string) => string;

/** Colours on a terminal; plain text for a pipe or if `NO_COLOR` is set (no-color.org). */
export function createPaint(
  terminal: Pick<Terminal, 'isInteractive'>,
  env: Readonly<Record<string, string | undefined>>,
): Paint {
  if (!terminal.isInteractive || (env['NO_COLOR'] ?? '') !== '') return (_, text) => text;
  return (style, text) => {
    const [on, off] = STYLES[style];
    return `\u001B[${on}m${text}\u001B[${off}m`;
  };
}
