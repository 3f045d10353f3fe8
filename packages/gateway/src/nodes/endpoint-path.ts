/** Whether a path leaves its parent once a proxy on the way decodes it. */
function hasParentSegment(path: string): boolean {
  try {
    return decodeURIComponent(path).split(/[/\\]/).includes('..');
  } catch {
    // Not percent-encoding: nothing can be decoded out of it.
    return false;
  }
}

/**
 * The path of the URL under which a node says that it serves inference, without a slash at its end.
 *
 * Nothing else of `told` is believed: scheme, host, port and path prefix are those of the configured endpoint, so that
 * tokens and prompts go nowhere else and port mappings work.
 *
 * @returns undefined when `told` is not an http or https URL, or a path that leaves its parent
 */
export function endpointPath(told: string): string | undefined {
  const url = URL.parse(told, 'http://node');
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (hasParentSegment(url.pathname)) return undefined;
  return url.pathname.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');
}
