/** Documents with numbered rules, each with the tests that show it in lines like "- `file`: title" below it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dir, '..');

/** A test by its title, or golden cases by their folder and their names. */
export interface Proof {
  /** Of a test file or a folder, from the root of the repository. */
  readonly path: string;
  readonly name: string;
}

export interface Rule {
  /** Digits, with a letter for a rule that was added between two others; or a capital letter alone. */
  readonly number: string;
  readonly proofs: readonly Proof[];
}

/** The rules of a document, in its order. A rule begins with its number in bold: `**7.** …`. */
export function readRules(document: string): readonly Rule[] {
  const page = readFileSync(join(ROOT, document), 'utf8');
  const [, ...parts] = page.split(/^\*\*(\d+[a-z]?|[A-Z])\.\*\* /m);
  return parts.flatMap((number, at) =>
    at % 2 === 0 ? [{ number, proofs: readProofs(parts[at + 1] ?? '') }] : [],
  );
}

const readProofs = (section: string): readonly Proof[] =>
  [...section.matchAll(/^- `(.+?)`: (.+)$/gm)].map(([, path = '', name = '']) => ({ path, name }));

/** The numbers without a letter. */
export const wholeNumbers = (rules: readonly Rule[]): readonly number[] =>
  rules.flatMap(({ number }) => (/^\d+$/.test(number) ? [Number(number)] : []));

/** The numbers of rules that nothing shows. */
export const unshown = (rules: readonly Rule[]): readonly string[] =>
  rules.flatMap(({ number, proofs }) => (proofs.length === 0 ? [number] : []));

export const isTest = ({ path }: Proof): boolean => path.endsWith('.ts');

/** The tests that the rules name, but that do not exist under exactly this title. */
export const missingTests = (rules: readonly Rule[]): readonly Proof[] =>
  rules.flatMap(({ proofs }) => proofs.filter((proof) => isTest(proof) && !hasTitle(proof)));

function hasTitle({ path, name }: Proof): boolean {
  const source = readFileSync(join(ROOT, path), 'utf8');
  return ["'", '"', '`'].some((quote) => source.includes(`${quote}${name}${quote}`));
}
