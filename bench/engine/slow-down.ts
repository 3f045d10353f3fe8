/**
 * Preloaded into the engine by `--slow-us N`: burns N microseconds of CPU at each reading of the clock, of which a step
 * takes a few between two decodes, so that one can see the benchmark notice a slower product. Nothing of this is in
 * the product.
 */
const slowUs = Number(process.env['SLOW_US'] ?? 0);
const read = performance.now.bind(performance);

performance.now = () => {
  const endMs = read() + slowUs / 1000;
  while (read() < endMs) {
    // Burning is the point.
  }
  return read();
};
