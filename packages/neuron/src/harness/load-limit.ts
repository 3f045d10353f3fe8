/** A slow network file system reads at least so fast. */
const SLOWEST_BYTES_PER_MS = 10_000;

/**
 * How long an engine may take to start and load its model (behaviour 23): `engine.startup_timeout_s`, and the time to
 * read its file at 10 MB/s.
 *
 * @param sizeBytes - Size of the weights; undefined if unknown.
 */
export const loadLimitMs = (startupTimeoutMs: number, sizeBytes: number | undefined): number =>
  startupTimeoutMs + (sizeBytes ?? 0) / SLOWEST_BYTES_PER_MS;
