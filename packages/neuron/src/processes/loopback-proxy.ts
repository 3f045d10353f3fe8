type Env = Record<string, string | undefined>;

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]', '::1'] as const;

/**
 * Excludes servers of this machine from `HTTP_PROXY`, in this process and its children.
 *
 * A proxy may be needed for downloads and for hosted APIs, and cannot reach loopback addresses. `fetch` reads these
 * variables at every call and has no option to disable a proxy.
 */
export function excludeLoopbackFromProxy(env: Env = process.env): void {
  // The lower-case name takes precedence; an empty one counts as absent.
  const named = (env['no_proxy'] || env['NO_PROXY'] || '').split(',').map((name) => name.trim());
  const hosts = [...new Set([...named.filter(Boolean), ...LOOPBACK])].join(',');
  env['NO_PROXY'] = hosts;
  env['no_proxy'] = hosts;
}
