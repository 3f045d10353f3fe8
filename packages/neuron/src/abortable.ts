/** Waits for `outcome` until `signal` aborts; then rejects with its reason. Undefined: waits for the outcome. */
export async function abortable<T>(
  outcome: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return outcome;
  const left = Promise.withResolvers<never>();
  const leave = (): void => left.reject(signal.reason);
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  try {
    return await Promise.race([outcome, left.promise]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
