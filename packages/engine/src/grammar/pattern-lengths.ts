/** Length bounds of the texts of a pattern, and patterns restricted to some lengths. Pure. */
import { MAX_CODE } from './code-ranges.ts';
import type { PatternNode } from './pattern-syntax.ts';

/** Code points of the shortest and longest text of `node`, without its context. */
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

const START: PatternNode = { kind: 'anchor', at: 'start' };
const END: PatternNode = { kind: 'anchor', at: 'end' };
const ANYTHING: PatternNode = {
  kind: 'repeat',
  item: { kind: 'set', ranges: [[0, MAX_CODE]] },
  min: 0,
  max: Infinity,
};

/**
 * Moves the length bounds into a pattern with one repeated class, as in `^[a-z]+$` and `^a`; returns other patterns
 * unchanged.
 */
export function tightened(tree: PatternNode, bounds: LengthBounds): PatternNode {
  if (bounds.minLength === 0 && bounds.maxLength === Infinity) return tree;
  const items = closed(tree);
  const [loop, ...others] = items.filter((item) => item.kind === 'repeat' && item.max === Infinity);
  if (loop?.kind !== 'repeat' || loop.item.kind !== 'set' || others.length > 0) return tree;
  const [least, most] = lengths({ kind: 'sequence', items: items.filter((item) => item !== loop) });
  if (least !== most) return tree;
  const min = Math.max(loop.min, bounds.minLength - least);
  const max = bounds.maxLength - least;
  if (min > max) return tree;
  const within = items.map((item) => (item === loop ? { ...loop, min, max } : item));
  return { kind: 'sequence', items: [START, ...within, END] };
}

/** The pattern of the whole text: an end without an anchor allows any text. */
function closed(tree: PatternNode): readonly PatternNode[] {
  const items = tree.kind === 'sequence' ? [...tree.items] : [tree];
  if (items[0]?.kind === 'anchor' && items[0].at === 'start') items.shift();
  else {
    while (isNullable(items[0])) items.shift();
    items.unshift(ANYTHING);
  }
  const last = items.at(-1);
  if (last?.kind === 'anchor' && last.at === 'end') items.pop();
  else {
    while (isNullable(items.at(-1))) items.pop();
    items.push(ANYTHING);
  }
  return items;
}

/** Whether `node` matches the empty text in every context. */
const isNullable = (node: PatternNode | undefined): boolean =>
  node !== undefined && node.kind === 'repeat' && node.min === 0;

/**
 * A subset of the pattern without texts longer than `maxLength`: unbounded repetitions get the largest common bound.
 * Undefined if nothing is left.
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
