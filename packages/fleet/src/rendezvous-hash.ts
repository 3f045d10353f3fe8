const FNV_OFFSET = 0x81_1c_9d_c5;
const FNV_PRIME = 0x01_00_01_93;

/** FNV-1a of the UTF-16 units of a text, 32 bits. */
export function hashText(text: string, seed: number = FNV_OFFSET): number {
  let hash = seed;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), FNV_PRIME);
  }
  return hash >>> 0;
}

/**
 * The weight of a node for a key: every cortex finds the same order of nodes for a key without asking others, and a
 * node that leaves moves only its own keys.
 *
 * @param key - `hashText` of the affinity key.
 */
export function rendezvousHash(key: number, node: string): number {
  // The finalizer of MurmurHash3: FNV alone leaves the high bits of short names alike.
  let hash = hashText(node, key);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
