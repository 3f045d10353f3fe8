/** The progress of a download as one line. */
import { type PullReport } from '@cortex/protocol';

import { visibleLine } from './visible-text.ts';

const BAR_CELLS = 24;
const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** A number of bytes with three digits or so: `4.9 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes / 1000;
  let index = 0;
  for (; value >= 999.5 && index < UNITS.length - 1; index += 1) value /= 1000;
  return `${value.toFixed(value < 9.95 ? 1 : 0)} ${UNITS[index]}`;
}

/** A duration in words: `42 s`, `3 min`, `2 h 5 min`. */
function formatSeconds(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function bar(ratio: number): string {
  const full = Math.round(Math.min(1, Math.max(0, ratio)) * BAR_CELLS);
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full);
}

/** `org/model  ██████░░░░  25 %  1.2/4.9 GB  85 MB/s  43 s left`; what is not known yet is left out. */
export function pullLine(pull: PullReport): string {
  const { progress, bytes_done: done, bytes_total: total, bytes_per_s: rate, eta_s: left } = pull;
  const parts = [visibleLine(pull.model_id)];
  if (progress === undefined || total === undefined) parts.push('asking for its files');
  else
    parts.push(
      bar(progress),
      `${Math.floor(progress * 100)} %`,
      `${formatBytes(done)} of ${formatBytes(total)}`,
    );
  if (rate !== undefined) parts.push(`${formatBytes(rate)}/s`);
  if (left !== undefined) parts.push(`${formatSeconds(left)} left`);
  return parts.join('  ');
}
