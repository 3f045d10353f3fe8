/** The hosts that `HTTP_PROXY` and `HTTPS_PROXY` do not apply to. */
type Env = Readonly<Record<string, string | undefined>>;

/** Entries of `NO_PROXY`. `fetch` prefers the lower-case name; an empty one counts as absent. */
export const proxyExceptions = (env: Env): readonly string[] =>
  (env['no_proxy'] || env['NO_PROXY'] || '')
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);

/**
 * The variables of `env` that exclude `hosts` from its proxies as well, in both spellings. `fetch` reads them at every
 * call and has no option to disable a proxy.
 */
export function withProxyExceptions(
  env: Env,
  hosts: readonly string[],
): { readonly NO_PROXY: string; readonly no_proxy: string } {
  const value = [...new Set([...proxyExceptions(env), ...hosts])].join(',');
  return { NO_PROXY: value, no_proxy: value };
}
