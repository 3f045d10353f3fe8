/** Requests in flight that `fetch` must allow; its own default is 256, and the next one waits without a word. */
export const FETCH_LIMIT = 65_336;

/** @throws Error naming the variable when this process was started without the limit raised. */
export function assertFetchLimit(
  env: Readonly<Record<string, string | undefined>> = process.env,
): void {
  const limit = Number(env['BUN_CONFIG_MAX_HTTP_REQUESTS']);
  if (limit >= FETCH_LIMIT) return;
  throw new Error(
    `BUN_CONFIG_MAX_HTTP_REQUESTS must be at least ${FETCH_LIMIT} before the program starts, or the 257th request waits for ever: start it with its launcher, or set the variable.`,
  );
}
