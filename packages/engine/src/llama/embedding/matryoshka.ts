/**
 * Models trained so that the first part of a vector is a usable vector (Matryoshka representation learning).
 *
 * GGUF has no key for this, so they are listed by name, as stated in their model cards.
 */
const MATRYOSHKA: readonly RegExp[] = [
  /\bqwen3 (vl )?embedding\b/,
  /\bnomic embed text v1 5\b/,
  /\bnomic embed text v2\b/,
  /\bembedding ?gemma\b/,
  /\bmxbai embed (large|xsmall)\b/,
  /\bsnowflake arctic embed (m v1 5|[ml] v2 0)\b/,
  /\bjina embeddings v[345]\b/,
];

/** Whether vectors of the model with one of these names may be cut. */
export function isMatryoshka(names: readonly string[]): boolean {
  const plain = names.map((name) => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, ' '));
  return plain.some((name) => MATRYOSHKA.some((pattern) => pattern.test(name)));
}
