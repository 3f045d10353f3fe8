/** How a command ended; undefined `code` means that it was stopped. */
export interface CommandResult {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A driver that hangs must not hang us: `nvidia-smi` waits for ever on a GPU that fell off the bus. */
const LIMIT_MS = 10_000;

/** Runs a program to its end; undefined when there is no such program. */
export async function runCommand(
  program: string,
  args: readonly string[],
): Promise<CommandResult | undefined> {
  const path = Bun.which(program);
  if (path === null) return undefined;
  const child = Bun.spawn([path, ...args], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code: child.signalCode === null ? code : undefined, stdout, stderr };
}
