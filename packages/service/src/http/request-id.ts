const ACCEPTED = /^[A-Za-z0-9._:-]{1,128}$/;
const BASE62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const RANDOM_CHARS = 24;
/** Largest multiple of 62 in a byte: bytes from here on are discarded, so that all characters are equally likely. */
const UNBIASED_BELOW = 248;

/** Random bytes of one call: a call per id would cost more than the rest of its creation. */
const pool = new Uint8Array(4096);
let poolAt = pool.length;

function nextRandomByte(): number {
  if (poolAt === pool.length) {
    crypto.getRandomValues(pool);
    poolAt = 0;
  }
  const byte = pool[poolAt] ?? 0;
  poolAt += 1;
  return byte;
}

/** A new request id: `req_` and 24 random letters or digits. */
export function createRequestId(): string {
  let id = 'req_';
  while (id.length < 4 + RANDOM_CHARS) {
    const byte = nextRandomByte();
    if (byte < UNBIASED_BELOW) id += BASE62[byte % 62];
  }
  return id;
}

/** The client's `x-request-id` if it is safe to log, otherwise a new id. */
export function requestIdOf(headers: Headers): string {
  const given = headers.get('x-request-id');
  return given !== null && ACCEPTED.test(given) ? given : createRequestId();
}
