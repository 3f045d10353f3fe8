/**
 * The same bytes as a Buffer. What a socket returns is one already, and so are its parts: another view would cost as much
 * as the search for which it is made.
 */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
