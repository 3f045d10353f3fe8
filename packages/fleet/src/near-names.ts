const MAX_NEAR = 5;

/** Edits (insert, delete, replace) from `a` to `b`; anything above `limit` is given as `limit + 1`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = (row[j - 1] ?? 0) + Number(a[i - 1] !== b[j - 1]);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return Math.min(row[b.length] ?? 0, limit + 1);
}

/** The part people remember: without the organisation. */
const baseName = (name: string): string => name.slice(name.lastIndexOf('/') + 1);

/** 0 for the same name apart from case and organisation; above 1 for names that have nothing to do with each other. */
function farness(asked: string, name: string): number {
  const [wanted, known] = [baseName(asked), baseName(name)];
  if (wanted === known) return 0;
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  const distance = editDistance(wanted, known, limit);
  if (distance <= limit) return distance / (limit + 1);
  return wanted.length >= 3 && (known.includes(wanted) || wanted.includes(known)) ? 1 : 2;
}

/** Up to five of `names` that somebody who wrote `asked` may have meant, nearest first. */
export function nearNames(asked: string, names: Iterable<string>): readonly string[] {
  const wanted = asked.toLowerCase();
  return [...new Set(names)]
    .map((name) => ({ name, far: farness(wanted, name.toLowerCase()) }))
    .filter(({ far }) => far <= 1)
    .toSorted((a, b) => a.far - b.far || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_NEAR)
    .map(({ name }) => name);
}
