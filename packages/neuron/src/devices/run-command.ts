/** How a command ended; an undefined `code` means that it was killed. */
export interface CommandResult {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** `nvidia-smi` never returns when a GPU has fallen off the bus. */
const LIMIT_MS = 10_000;
/** A process that blocks in the driver does not end when it is killed. */
const KILL_MS = 1000;

/** Runs a program for at most 10 s; undefined if the program does not exist. */
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
  const late = Promise.withResolvers<CommandResult>();
  const timer = setTimeout(
    () => late.resolve({ code: undefined, stdout: '', stderr: '' }),
    LIMIT_MS + KILL_MS,
  );
  const ended = Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]).then(([stdout, stderr, code]) => ({
    code: child.signalCode === null ? code : undefined,
    stdout,
    stderr,
  }));
  try {
    return await Promise.race([ended, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
