import { editDistance } from '@cortex/protocol';

const MAX_NEAR = 5;

/** The name without the organisation, which is the part that people remember. */
const baseName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** Distance of two names: 0 when they are equal apart from case and organisation, above 1 when unrelated. */
function unlikeness(asked: string, name: string): number {
  const [wanted, known] = [baseName(asked), baseName(name)];
  if (wanted === known) return 0;
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  const distance = editDistance(wanted, known, limit);
  if (distance <= limit) return distance / (limit + 1);
  return wanted.length >= 3 && (known.includes(wanted) || wanted.includes(known)) ? 1 : 2;
}

/** Up to five of `names` that `asked` may be a misspelling of, nearest first. */
export function nearNames(asked: string, names: Iterable<string>): readonly string[] {
  const wanted = asked.toLowerCase();
  return [...new Set(names)]
    .map((name) => ({ name, far: unlikeness(wanted, name.toLowerCase()) }))
    .filter(({ far }) => far <= 1)
    .toSorted((a, b) => a.far - b.far || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_NEAR)
    .map(({ name }) => name);
}
