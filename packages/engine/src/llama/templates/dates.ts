const two = (value: number): string => String(value).padStart(2, '0');

const monthOf = (date: Date, timeZone?: string): string =>
  date.toLocaleDateString('en-US', { month: 'short', timeZone });

/**
 * Variables in which templates look for the present: `date_string` (Llama 3) and `datetime` (Firefunction). The third
 * way, the function `strftime_now`, is the renderer's own.
 *
 * The time is that of the full hour: a prompt whose beginning changes every second shares it with no other.
 */
export const dateVariables = (
  now: Date,
): { readonly date_string: string; readonly datetime: string } => ({
  date_string: `${two(now.getDate())} ${monthOf(now)} ${now.getFullYear()}`,
  datetime: `${monthOf(now, 'UTC')} ${two(now.getUTCDate())} ${now.getUTCFullYear()} ${two(now.getUTCHours())}:00:00 GMT`,
});
