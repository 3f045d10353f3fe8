/** Ends a command that has printed why it failed with exit code 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
}
