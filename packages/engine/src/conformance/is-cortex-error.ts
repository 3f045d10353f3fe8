import { CortexError } from '@cortex/protocol';

export const isCortexError = (thrown: unknown): thrown is CortexError =>
  thrown instanceof CortexError;
