const RANDOM = -1n;
const MASK_32 = 0xffff_ffffn;
const MASK_64 = 0xffff_ffff_ffff_ffffn;

/** Converts a 64-bit seed to 32 bits for the library's sampler; absent and -1: random. */
export function toSamplerSeed(seed: bigint | undefined): number {
  if (seed === undefined || seed === RANDOM) return Math.floor(Math.random() * 2 ** 32);
  const bits = seed & MASK_64;
  // Small seeds are unchanged. Of others, all 64 bits count.
  return Number(bits <= MASK_32 ? bits : mixed(bits) & MASK_32);
}

/** The finaliser of SplitMix64 (Steele, Lea, Flood 2014): every bit depends on all bits. */
function mixed(bits: bigint): bigint {
  let z = bits;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK_64;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK_64;
  return z ^ (z >> 31n);
}
