/**
 * Preloaded into the gateway by `--slow-us N`: burns N microseconds of CPU per request, so that one can see the
 * benchmark notice a slower product. Nothing of this is in the product.
 */
const slowUs = Number(process.env['SLOW_US'] ?? 0);
const { serve } = Bun;

function burn(): void {
  const endMs = performance.now() + slowUs / 1000;
  while (performance.now() < endMs) {
    // Burning is the point.
  }
}

Bun.serve = ((options: Parameters<typeof serve>[0]) => {
  const { fetch } = options;
  if (typeof fetch !== 'function') return serve(options);
  return serve({
    ...options,
    fetch(this: Bun.Server<unknown>, request: Request, server: Bun.Server<unknown>) {
      burn();
      return fetch.call(this, request, server);
    },
  } as Parameters<typeof serve>[0]);
}) as typeof serve;
