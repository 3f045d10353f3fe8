/** Headers of an answer as server-sent events. */
export const EVENT_STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
} as const;

/**
 * A streamed answer. The generator is suspended while the client does not read.
 *
 * An async generator is the only kind of body that ends correctly under Bun when clients disconnect; see
 * `packages/gateway/src/proxy/DESIGN.md`.
 */
export function streamResponse(
  body: AsyncGenerator<Uint8Array | string, void>,
  headers: Readonly<Record<string, string>> = EVENT_STREAM_HEADERS,
): Response {
  // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
  return new Response(body, { headers });
}
