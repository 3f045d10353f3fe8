const two = (value: number): string => String(value).padStart(2, '0');

const monthOf = (date: Date, timeZone?: string): string =>
  date.toLocaleDateString('en-US', { month: 'short', timeZone });

/**
 * Variables from which templates read the current time: `date_string` (Llama 3) and `datetime` (Firefunction). The
 * third way, the function `strftime_now`, is the renderer's own.
 *
 * The time is rounded to the hour, because a prompt whose start changes every second could not share a prefix.
 */
export const dateVariables = (
  now: Date,
): { readonly date_string: string; readonly datetime: string } => ({
  date_string: `${two(now.getDate())} ${monthOf(now)} ${now.getFullYear()}`,
  datetime: `${monthOf(now, 'UTC')} ${two(now.getUTCDate())} ${now.getUTCFullYear()} ${two(now.getUTCHours())}:00:00 GMT`,
});
