/** Holds the descriptor number of the pipe whose other end the parent keeps open. */
export const PARENT_FD_VARIABLE = 'CORTEX_PARENT_FD';

/**
 * Calls `onEnd` once when the parent of this process has ended, even by SIGKILL.
 *
 * Does nothing without the variable. The variable is removed, so that children of this process do not use the
 * descriptor.
 */
export function endWithParent(
  onEnd: () => void,
  env: Record<string, string | undefined> = process.env,
): void {
  const text = env[PARENT_FD_VARIABLE];
  if (text === undefined) return;
  delete env[PARENT_FD_VARIABLE];
  let isOver = false;
  const end = (): void => {
    if (isOver) return;
    isOver = true;
    onEnd();
  };
  // `spawn` creates the pipe as a socket pair. Read as a socket, it needs no thread and does not keep the process
  // alive.
  const options: Bun.FdSocketOptions = {
    fd: Number(text),
    socket: { data: () => undefined, end, close: end, error: end },
  };
  // `connect` accepts a descriptor, but its types declare only addresses.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  Bun.connect(options as unknown as Bun.UnixSocketOptions).then((pipe) => pipe.unref(), end);
}
