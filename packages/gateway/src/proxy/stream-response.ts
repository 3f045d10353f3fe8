/**
 * A streamed answer. The generator is suspended while the client does not read.
 *
 * An async generator is the only kind of body that ends correctly under Bun when clients disconnect; see DESIGN.md.
 */
export function streamResponse(
  body: AsyncGenerator<Uint8Array | string, void>,
  headers: Record<string, string>,
): Response {
  // @ts-expect-error -- Bun takes an async generator as body, TypeScript's DOM library does not know.
  return new Response(body, { headers });
}
