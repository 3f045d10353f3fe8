/** Names the descriptor of the pipe whose other end the parent holds. */
export const PARENT_FD_VARIABLE = 'CORTEX_PARENT_FD';

/**
 * Calls `onEnd` once when the parent that started this process is gone, however it ended.
 *
 * Does nothing where no parent gave a pipe. The variable is removed, so that children of this process do not take
 * the descriptor for theirs.
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
  // A pipe of `spawn` is a socket pair. Read as a socket it takes no thread and keeps no process alive.
  const options: Bun.FdSocketOptions = {
    fd: Number(text),
    socket: { data: () => undefined, end, close: end, error: end },
  };
  // `connect` takes a descriptor, its types only know addresses.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  Bun.connect(options as unknown as Bun.UnixSocketOptions).then((pipe) => pipe.unref(), end);
}
