/**
 * Preloaded into the engine by `--slow-us N`: wastes N microseconds of CPU at each clock reading, of which a step makes
 * a few between two decodes. This shows that the benchmark detects a slower product. It is not part of the product.
 */
const slowUs = Number(process.env['SLOW_US'] ?? 0);
const read = performance.now.bind(performance);

performance.now = () => {
  const endMs = read() + slowUs / 1000;
  while (read() < endMs) {
    // A busy loop on purpose.
  }
  return read();
};
