/**
 * A streamed answer. The generator is suspended while the client has not taken what it gave.
 *
 * An async generator is the one kind of body that ends well when clients leave under Bun; see DESIGN.md.
 */
export function streamResponse(
  body: AsyncGenerator<Uint8Array | string, void>,
  headers: Record<string, string>,
): Response {
  // Bun takes generators as bodies (`Bun.BodyInit`); the DOM's own types, which win here, do not know that.
  return new Response(body as unknown as ReadableStream, { headers });
}
