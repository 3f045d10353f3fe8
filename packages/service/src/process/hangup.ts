/**
 * Handles SIGHUP. Without a terminal it asks a daemon to read its files again. In a terminal it means that the
 * terminal was closed, and the daemon ends.
 *
 * @returns a function that removes the handler
 */
export function installHangup({
  isInTerminal,
  reload,
  end,
}: {
  readonly isInTerminal: boolean;
  readonly reload: () => void;
  readonly end: () => void;
}): () => void {
  const onHangup = isInTerminal ? end : reload;
  process.on('SIGHUP', onHangup);
  return () => void process.off('SIGHUP', onHangup);
}
