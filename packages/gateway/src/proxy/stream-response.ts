/**
 * A streamed answer. The generator is suspended while the client has not taken what it gave.
 *
 * An async generator is the one kind of body that ends well when clients leave under Bun; see DESIGN.md.
 */
export function streamResponse(
  body: AsyncGenerator<Uint8Array | string, void>,
  headers: Record<string, string>,
): Response {
  // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
  return new Response(body, { headers });
}
