/** How long the texts of a pattern are, and patterns of which only texts of some lengths are left. Pure. */
import type { PatternNode } from './pattern-syntax.ts';

/** Code points of the shortest and longest text of `node`, what stands around it left out. */
export function lengths(node: PatternNode): readonly [number, number] {
  switch (node.kind) {
    case 'set':
      return [1, 1];
    case 'sequence':
      return node.items.map(lengths).reduce(([a, b], [c, d]) => [a + c, b + d], [0, 0]);
    case 'choice': {
      const all = node.options.map(lengths);
      return [Math.min(...all.map(([min]) => min)), Math.max(...all.map(([, max]) => max))];
    }
    case 'repeat': {
      const [min, max] = lengths(node.item);
      return [min * node.min, max === 0 ? 0 : max * node.max];
    }
    case 'anchor':
    case 'ahead':
      return [0, 0];
  }
}

export interface LengthBounds {
  readonly minLength: number;
  /** Infinity: no bound. */
  readonly maxLength: number;
}

/** The whole pattern of a class that is repeated, `^[a-z]+$`, with the bounds in the repetition; others as they are. */
export function tightened(tree: PatternNode, bounds: LengthBounds): PatternNode {
  if (tree.kind !== 'sequence') return tree;
  const [start, node, end, ...more] = tree.items;
  if (start?.kind !== 'anchor' || start.at !== 'start' || more.length > 0) return tree;
  if (end?.kind !== 'anchor' || end.at !== 'end' || node?.kind !== 'repeat') return tree;
  if (node.item.kind !== 'set') return tree;
  const min = Math.max(node.min, bounds.minLength);
  const max = Math.min(node.max, bounds.maxLength);
  return min > max ? tree : { ...tree, items: [start, { ...node, min, max }, end] };
}

/**
 * A part of the pattern of which no text is longer than `maxLength`: what may be repeated for ever is repeated as often as all
 * of it can be. Undefined where that leaves nothing.
 */
export function capped(tree: PatternNode, maxLength: number): PatternNode | undefined {
  for (let times = maxLength; times >= 1; times = Math.floor(times / 2)) {
    const shorter = withCap(tree, times);
    if (lengths(shorter)[1] <= maxLength) return shorter;
  }
  return undefined;
}

function withCap(node: PatternNode, times: number): PatternNode {
  switch (node.kind) {
    case 'sequence':
      return { ...node, items: node.items.map((item) => withCap(item, times)) };
    case 'choice':
      return { ...node, options: node.options.map((option) => withCap(option, times)) };
    case 'repeat': {
      const max = node.max === Infinity ? Math.max(node.min, times) : node.max;
      return { ...node, item: withCap(node.item, times), max };
    }
    case 'set':
    case 'anchor':
    case 'ahead':
      return node;
  }
}
