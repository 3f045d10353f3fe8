import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { CortexError } from '@cortex/protocol';
import { temporaryFolder } from '@cortex/testkit/temporary-folder';

import { replaceModelsFile, withModel, withoutModel } from './models-file.ts';

const TEXT = `# Our models.

[[models]]
id = "chat"            # for everybody
quant = "Q4_K_M"

[models.sampling]
temperature = 0.7

# The coder needs the large card.
[[models]]
id = "coder"
stop = [
  "[end]",
]

[aliases]
fast = "chat"
`;

function fileWith(text: string): string {
  const file = join(temporaryFolder('cortex-models'), 'models.toml');
  writeFileSync(file, text);
  return file;
}

describe('models.toml', () => {
  test('keeps its text when a model is added at the end', () => {
    const added = withModel(TEXT, { id: 'org/new', source: 'hf:org/new', quant: undefined });

    expect(added).toBe(`${TEXT}\n[[models]]\nid = "org/new"\nsource = "hf:org/new"\n`);
  });

  test('begins with the first model that is added', () => {
    expect(withModel('', { id: 'a', source: 'hf:b/a', context_length: 4096 })).toBe(
      '[[models]]\nid = "a"\nsource = "hf:b/a"\ncontext_length = 4096\n',
    );
  });

  test('loses exactly the table of a model that is removed', () => {
    const file = fileWith(TEXT);

    expect(withoutModel(file, 'chat')).toBe(
      TEXT.replace(/\[\[models\]\]\nid = "chat".*?0\.7\n\n/s, ''),
    );
    expect(withoutModel(file, 'coder')).toBe(
      TEXT.replace(/\[\[models\]\]\nid = "coder".*?\]\n(?=\n)/s, ''),
    );
    expect(withoutModel(file, 'nobody')).toBeUndefined();
  });

  test('is left alone where models are an inline array', () => {
    expect(withoutModel(fileWith('models = [{ id = "a" }, { id = "b" }]\n'), 'a')).toBeUndefined();
  });

  test('is as before, with no other file beside it, if the new text is not valid', () => {
    const file = fileWith(TEXT);
    const refuse = (): void => {
      throw new CortexError('invalid_request', 'two models have this id');
    };

    expect(() => replaceModelsFile(file, 'x', refuse)).toThrow('two models have this id');
    expect(readFileSync(file, 'utf8')).toBe(TEXT);
    expect(readdirSync(dirname(file))).toEqual(['models.toml']);
  });

  test('that cannot be written is named with the reason', () => {
    const file = join(fileWith(TEXT), 'below-a-file', 'models.toml');

    expect(() => replaceModelsFile(file, 'x', () => undefined)).toThrow(
      /models\.toml cannot be written: /,
    );
  });
});
