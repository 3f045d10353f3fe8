/** Where a command writes. Tests give their own. */
export interface Terminal {
  /** Text as it is, without a line end of its own. */
  write(text: string): void;
  /** One line on standard output. */
  print(text: string): void;
  /** One line on standard error. */
  warn(text: string): void;
  /** Whether a person reads along, so that colour and redrawing make sense. */
  readonly isInteractive: boolean;
}

/** The terminal of this process, for a command that answers and ends. It waits for a slow reader. */
export function processTerminal(): Terminal {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Who reads has seen enough, as in `cortex models | head -1`.
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
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

/** Colours for a person, plain text for a pipe and where `NO_COLOR` is set (no-color.org). */
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
