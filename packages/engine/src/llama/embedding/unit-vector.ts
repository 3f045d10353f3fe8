/**
 * The first `dimensions` numbers of `vector`, scaled to length 1, as 32-bit floats.
 *
 * A zero vector is not scaled.
 */
export function unitVector(vector: Float64Array, dimensions: number): readonly number[] {
  const part = vector.subarray(0, dimensions);
  const length = Math.sqrt(part.reduce((sum, value) => sum + value * value, 0));
  // The precision of the model. More digits would only make the message longer.
  return Array.from(part, (value) => Math.fround(length === 0 ? 0 : value / length));
}
