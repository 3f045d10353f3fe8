import { readFile } from 'node:fs/promises';

/**
 * The bearer token that neurons expect, from its file.
 *
 * @throws Error naming the file when it cannot be read or holds nothing.
 */
export async function readNodeToken(path: string): Promise<string> {
  const token = (await readFile(path, 'utf8')).trim();
  if (token === '') throw new Error(`${path} is empty: put the token of the neurons into it`);
  return token;
}
