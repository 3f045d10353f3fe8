/** Whether a path contains `..` after a proxy has decoded it. */
function hasParentSegment(path: string): boolean {
  try {
    return decodeURIComponent(path).split(/[/\\]/).includes('..');
  } catch {
    // It is not valid percent-encoding, so no proxy can decode it.
    return false;
  }
}

/**
 * The path of the inference URL that a node returns, without a slash at its end.
 *
 * Scheme, host, port and path prefix always come from the configured endpoint. Therefore tokens and prompts go
 * nowhere else, and port mappings work.
 *
 * @returns undefined when `reportedUrl` is not an http or https URL, or its path contains `..`
 */
export function endpointPath(reportedUrl: string): string | undefined {
  const url = URL.parse(reportedUrl, 'http://node');
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined;
  if (hasParentSegment(url.pathname)) return undefined;
  return url.pathname.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');
}
