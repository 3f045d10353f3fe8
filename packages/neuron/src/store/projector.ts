/** Vision projectors (`mmproj-….gguf`), which lie beside their model and are not models. */
import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const PROJECTOR = /^mmproj.*\.gguf$/i;

/** Most repositories have the projector in several types; F16 loses nothing. */
const rank = (name: string): number => {
  if (/(?:^|[-._])f16/i.test(name)) return 0;
  return /bf16/i.test(name) ? 1 : 2;
};

/** The projector in the folder of a model; undefined if there is none. */
export async function projectorBeside(modelPath: string): Promise<string | undefined> {
  const folder = dirname(modelPath);
  const names = await readdir(folder).catch(() => []);
  const [best] = names
    .filter((name) => PROJECTOR.test(name))
    .sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return best === undefined ? undefined : join(folder, best);
}
