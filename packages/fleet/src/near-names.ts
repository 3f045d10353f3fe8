import { editDistance } from '@cortex/protocol';

const MAX_NEAR = 5;

/** The part people remember: without the organisation. */
const baseName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** How unlike two names are: 0 for the same one apart from case and organisation, above 1 for unrelated ones. */
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
