/**
 * Preloaded into the gateway by `--slow-us N`: burns N microseconds of CPU per request, so that one can see the
 * benchmark notice a slower product. Nothing of this is in the product.
 */
const slowUs = Number(process.env['SLOW_US'] ?? 0);
const serve = Bun.serve.bind(Bun);

interface PlainOptions {
  readonly fetch: (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>;
}

function burn(): void {
  const endMs = performance.now() + slowUs / 1000;
  while (performance.now() < endMs) {
    // Burning is the point.
  }
}

// @ts-expect-error -- The types of Bun.serve know routes and sockets; the gateway passes a plain `fetch`.
Bun.serve = (options: PlainOptions) =>
  serve({
    ...options,
    fetch(request: Request, server: Bun.Server<undefined>) {
      burn();
      return options.fetch(request, server);
    },
  });
