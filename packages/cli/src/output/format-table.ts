import { visibleLine } from './visible-text.ts';

type Cell = string | number | undefined;

const textOf = (cell: Cell): string => (cell === undefined ? '-' : visibleLine(String(cell)));

/**
 * Rows below headers, columns two spaces apart, numbers aligned right; undefined is shown as `-`, control characters
 * as escapes.
 */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly Cell[])[],
): string {
  const widths = headers.map((header, column) =>
    Math.max(header.length, ...rows.map((row) => textOf(row[column]).length)),
  );
  const isNumeric = headers.map((_, column) => rows.some((row) => typeof row[column] === 'number'));
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumeric[column] === true
          ? textOf(cell).padStart(width)
          : textOf(cell).padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [headers, ...rows].map(line).join('\n');
}
