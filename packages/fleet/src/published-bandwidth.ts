/**
 * Memory bandwidth of cards and processors by name, as their makers publish it, in GB/s (10^9 bytes a second).
 *
 * Sources: the specifications on nvidia.com (product pages and data sheets), amd.com (product specifications),
 * intel.com (ARK) and apple.com (technical specifications). A processor has no figure of its own: it is that of all its
 * memory channels at the fastest memory that its maker supports.
 */

/**
 * Words of the name, in lower case; `?` stands for one character of a word, `*` at its end for the rest. The entry with
 * the most words wins.
 */
const PUBLISHED_GB_S: Readonly<Record<string, number>> = {
  // NVIDIA GeForce
  'gtx 1060': 192,
  'gtx 1070': 256,
  'gtx 1080': 320,
  'gtx 1080 ti': 484,
  'gtx 1660': 192,
  'gtx 1660 super': 336,
  'gtx 1660 ti': 288,
  'rtx 2060': 336,
  'rtx 2060 super': 448,
  'rtx 2070': 448,
  'rtx 2070 super': 448,
  'rtx 2080': 448,
  'rtx 2080 super': 496,
  'rtx 2080 ti': 616,
  'titan rtx': 672,
  'rtx 3050': 224,
  'rtx 3060': 360,
  'rtx 3060 laptop': 336,
  'rtx 3060 ti': 448,
  'rtx 3070': 448,
  'rtx 3070 laptop': 448,
  'rtx 3070 ti': 608,
  'rtx 3080': 760,
  'rtx 3080 laptop': 448,
  'rtx 3080 ti': 912,
  'rtx 3080 ti laptop': 512,
  'rtx 3090': 936,
  'rtx 3090 ti': 1008,
  'rtx 4060': 272,
  'rtx 4060 laptop': 256,
  'rtx 4060 ti': 288,
  'rtx 4070': 504,
  'rtx 4070 laptop': 256,
  'rtx 4070 super': 504,
  'rtx 4070 ti': 504,
  'rtx 4070 ti super': 672,
  'rtx 4080': 717,
  'rtx 4080 laptop': 432,
  'rtx 4080 super': 736,
  'rtx 4090': 1008,
  'rtx 4090 laptop': 576,
  'rtx 5050': 320,
  'rtx 5060': 448,
  'rtx 5060 ti': 448,
  'rtx 5070': 672,
  'rtx 5070 ti': 896,
  'rtx 5080': 960,
  'rtx 5090': 1792,
  'rtx 5090 laptop': 896,
  // NVIDIA workstation
  'quadro rtx 6000': 672,
  'quadro rtx 8000': 672,
  'rtx a2000': 288,
  'rtx a4000': 448,
  'rtx a4500': 640,
  'rtx a5000': 768,
  'rtx a5500': 768,
  'rtx a6000': 768,
  'rtx 2000 ada': 224,
  'rtx 4000 ada': 360,
  'rtx 4000 sff ada': 280,
  'rtx 4500 ada': 432,
  'rtx 5000 ada': 576,
  'rtx 6000 ada': 960,
  'rtx pro 4000 blackwell': 672,
  'rtx pro 4000 blackwell sff': 432,
  'rtx pro 4500 blackwell': 896,
  'rtx pro 5000 blackwell': 1344,
  'rtx pro 6000 blackwell': 1792,
  'rtx pro 6000 blackwell max q': 1792,
  'rtx pro 6000 blackwell server': 1597,
  'nvidia gb10': 273,
  // NVIDIA data centre
  'tesla p40': 346,
  'tesla p100': 732,
  'tesla p100 12gb': 549,
  'tesla v100': 900,
  'tesla t4': 320,
  'nvidia a2': 200,
  'nvidia a10': 600,
  'nvidia a10g': 600,
  'nvidia a16': 200,
  'nvidia a30': 933,
  'nvidia a40': 696,
  'nvidia a100': 1555,
  'nvidia a100 80gb': 1935,
  'nvidia a100 sxm4 80gb': 2039,
  'nvidia l4': 300,
  'nvidia l40': 864,
  'nvidia l40s': 864,
  'nvidia h100': 3350,
  'nvidia h100 pcie': 2039,
  'nvidia h100 nvl': 3938,
  'nvidia h200': 4800,
  'nvidia gh200': 4000,
  'nvidia gh200 144g hbm3e': 4900,
  'nvidia b200': 8000,
  // AMD Radeon
  'rx 6600': 224,
  'rx 6600 xt': 256,
  'rx 6700 xt': 384,
  'rx 6800': 512,
  'rx 6800 xt': 512,
  'rx 6900 xt': 512,
  'rx 6950 xt': 576,
  'rx 7600': 288,
  'rx 7600 xt': 288,
  'rx 7700 xt': 432,
  'rx 7800 xt': 624,
  'rx 7900 gre': 576,
  'rx 7900 xt': 800,
  'rx 7900 xtx': 960,
  'rx 9060 xt': 320,
  'rx 9070': 640,
  'rx 9070 gre': 432,
  'rx 9070 xt': 640,
  'pro w6800': 512,
  'pro w7800': 576,
  'pro w7800 48gb': 864,
  'pro w7900': 864,
  'pro vii': 1024,
  'radeon vii': 1024,
  'radeon 8060s': 256,
  // AMD Instinct; of the MI250 each of its two devices has half
  'instinct mi50': 1024,
  'instinct mi60': 1024,
  'instinct mi100': 1229,
  'instinct mi210': 1638,
  'instinct mi250': 1638,
  'instinct mi250x': 1638,
  'instinct mi300a': 5300,
  'instinct mi300x': 5300,
  'instinct mi325x': 6000,
  'instinct mi350x': 8000,
  'instinct mi355x': 8000,
  // Intel Arc
  'arc a750': 512,
  'arc a770': 560,
  'arc b570': 380,
  'arc b580': 456,
  // Apple: the chip with all its GPU cores. Its processor reads the same memory.
  'apple m1': 68,
  'apple m1 pro': 200,
  'apple m1 max': 400,
  'apple m1 ultra': 800,
  'apple m2': 100,
  'apple m2 pro': 200,
  'apple m2 max': 400,
  'apple m2 ultra': 800,
  'apple m3': 100,
  'apple m3 pro': 150,
  'apple m3 max': 400,
  'apple m3 ultra': 819,
  'apple m4': 120,
  'apple m4 pro': 273,
  'apple m4 max': 546,
  // Processors. The last digit of an EPYC is its generation, and letters may follow it.
  'amd epyc 7??1': 171,
  'amd epyc 7??1?': 171,
  'amd epyc 7??2': 205,
  'amd epyc 7??2?': 205,
  'amd epyc 7??3': 205,
  'amd epyc 7??3?': 205,
  'amd epyc 9??4': 461,
  'amd epyc 9??4?': 461,
  'amd epyc 9??5': 576,
  'amd epyc 9??5?': 576,
  'ryzen 5 7*': 83,
  'ryzen 7 7*': 83,
  'ryzen 9 7*': 83,
  'ryzen 5 9*': 90,
  'ryzen 7 9*': 90,
  'ryzen 9 9*': 90,
  'core ultra': 90,
  'core ultra 2*': 102,
};

/** Two channels of DDR4-3200, in GB/s: a processor whose name says nothing about its memory. */
export const DEFAULT_CPU_GB_S = 51;

/** Of a slower variant with the same number, or of a part of a card: without an entry of its own it is not known. */
const OTHER_PARTS: ReadonlySet<string> = new Set(['laptop', 'mobile', 'q', 'mig']);

/** The last word of a virtual GPU, `A40-8Q`: its memory in GB and its kind. It shares the bandwidth of the card. */
const VIRTUAL_GPU = /^\d+[qabc]$/;

/** `(R)` and the like are dropped, `A100-SXM4-80GB` is three words, and `Max-Q` is two. */
const wordsOf = (name: string): readonly string[] =>
  name
    .toLowerCase()
    .replaceAll(/\((?:r|tm|c)\)/g, ' ')
    .split(/[^a-z0-9.*?]+/)
    .filter((word) => word !== '');

const ENTRIES = Object.entries(PUBLISHED_GB_S)
  .map(([name, gbS]) => ({ words: wordsOf(name), gbS }))
  .toSorted((a, b) => b.words.length - a.words.length);

function isMatch(word: string, wanted: string): boolean {
  const isOpen = wanted.endsWith('*');
  const fixed = isOpen ? wanted.slice(0, -1) : wanted;
  if (isOpen ? word.length <= fixed.length : word.length !== fixed.length) return false;
  for (let at = 0; at < fixed.length; at += 1) {
    if (fixed[at] !== '?' && fixed[at] !== word[at]) return false;
  }
  return true;
}

/**
 * The published memory bandwidth of a card or processor, GB/s; undefined: it is not in the table, or the name is that of
 * several cards that differ, as `RX 7900 XT/7900 XTX`.
 */
export function publishedBandwidth(name: string): number | undefined {
  const words = wordsOf(name);
  if (words.some((word) => VIRTUAL_GPU.test(word))) return undefined;
  const isIn = (wanted: string): boolean => words.some((word) => isMatch(word, wanted));
  const fitting = ENTRIES.filter((entry) => entry.words.every(isIn));
  const [found] = fitting;
  if (found === undefined) return undefined;
  const isUnclear = fitting.some(
    (entry) => entry.words.length === found.words.length && entry.gbS !== found.gbS,
  );
  const other = words.find((word) => OTHER_PARTS.has(word));
  return isUnclear || (other !== undefined && !found.words.includes(other)) ? undefined : found.gbS;
}
