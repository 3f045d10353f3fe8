/**
 * The first `dimensions` of `vector`, scaled to length 1, as 32-bit floats.
 *
 * A vector of zeros stays one: it has no direction.
 */
export function unitVector(vector: Float64Array, dimensions: number): readonly number[] {
  const part = vector.subarray(0, dimensions);
  const length = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0));
  // What the model computed with; more digits would only be longer on the wire.
  return Array.from(part, (value) => Math.fround(length === 0 ? 0 : value / length));
}
