/** Names of quantisations, and which of them are close to each other. */
import { editDistance } from '@cortex/protocol';

const QUANT = '(?:UD-)?(?:I?Q\\d(?:_[A-Z0-9]+)*|TQ\\d_\\d|MXFP4(?:_MOE)?|NVFP4|BF16|F16|F32)';
const AT_END = new RegExp(`(?:^|[-._/])(${QUANT})$`, 'i');
/** A folder with a quantisation as its whole name, as in `Q4_K_M/model-00001-of-00002.gguf`. */
const AS_FOLDER = new RegExp(`(?:^|/)(${QUANT})/[^/]*$`, 'i');

/**
 * The quantisation in a path without `.gguf` and part number, in capitals: at the end of the file name, or else the
 * name of its folder.
 */
export function quantOfName(name: string): string | undefined {
  const quant = AT_END.exec(name)?.[1] ?? AS_FOLDER.exec(name)?.[1];
  return quant?.toUpperCase();
}

export const sameQuant = (a: string, b: string): boolean => a.toUpperCase() === b.toUpperCase();

/** Bits per weight according to the name, such as 4 for `UD-Q4_K_XL`. */
const bitsOf = (quant: string): number => Number(/\d+/.exec(quant)?.[0] ?? 0);

/** `available` without duplicates, the most similar to `asked` first: by bits, then by spelling, the larger first. */
export function nearestQuants(asked: string, available: readonly string[]): string[] {
  const wanted = asked.toUpperCase();
  const distance = (quant: string): number =>
    Math.abs(bitsOf(quant) - bitsOf(wanted)) * 100 + editDistance(quant, wanted);
  return [...new Set(available)].sort(
    (a, b) => distance(a) - distance(b) || bitsOf(b) - bitsOf(a) || a.localeCompare(b),
  );
}
