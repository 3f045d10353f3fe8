import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { ROOT } from './start-up.ts';

/** The code blocks of a section of the README that are in `language`, in their order. @throws Error without one */
export function codeBlocks(section: string, language: 'sh' | 'toml'): readonly string[] {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
  const [, text] = readme.split(new RegExp(`^## ${section}$`, 'm'));
  const own = text?.split(/^## /m)[0] ?? '';
  const blocks = [...own.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, name, code]) =>
    name === language && code !== undefined ? [code] : [],
  );
  if (blocks.length === 0) throw new Error(`README.md has no ${language} in "${section}"`);
  return blocks;
}
