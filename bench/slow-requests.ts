/**
 * Preloaded into a daemon by `--slow-us N`: burns N microseconds of CPU per request, to check that a benchmark
 * detects a slower product. Not part of the product.
 */
const slowUs = Number(process.env['SLOW_US'] ?? 0);
const serve = Bun.serve.bind(Bun);

interface PlainOptions {
  readonly fetch: (request: Request, server: Bun.Server<undefined>) => Response | Promise<Response>;
}

function burn(): void {
  const endMs = performance.now() + slowUs / 1000;
  while (performance.now() < endMs) {
    // Burns CPU on purpose.
  }
}

// @ts-expect-error -- The types of Bun.serve include routes and sockets; the daemons pass a plain `fetch`.
Bun.serve = (options: PlainOptions) =>
  serve({
    ...options,
    fetch(request: Request, server: Bun.Server<undefined>) {
      burn();
      return options.fetch(request, server);
    },
  });
