/** What `neuron doctor` found out about one part of the machine or the configuration. */
export interface Finding {
  /** The part: one or two words. */
  readonly part: string;
  /** `ok`: as it should be. `note`: works, but could be better. `wrong`: has to be mended. */
  readonly level: 'ok' | 'note' | 'wrong';
  /** One sentence. */
  readonly text: string;
  /** What to do about it; a command where there is one. */
  readonly mend?: string | undefined;
}

export const ok = (part: string, text: string): Finding => ({ part, level: 'ok', text });
export const note = (part: string, text: string, mend?: string): Finding => ({
  part,
  level: 'note',
  text,
  mend,
});
export const wrong = (part: string, text: string, mend?: string): Finding => ({
  part,
  level: 'wrong',
  text,
  mend,
});

/** One line for each finding, and one below it that says what to do. */
export function formatFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ part }) => part.length)) + 2;
  return findings
    .flatMap(({ part, level, text, mend }) => [
      `${level.padEnd(7)}${part.padEnd(width)}${text}`,
      ...(mend === undefined ? [] : [`${' '.repeat(7 + width)}→ ${mend}`]),
    ])
    .join('\n');
}
