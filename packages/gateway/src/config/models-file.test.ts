import { describe, expect, test } from 'bun:test';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
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

  test('keeps what follows an empty line below its last table', () => {
    const below = '\n# Perhaps later:\n# [[models]]\n# id = "c"\n\n# The end.\n';
    const file = fileWith(
      `[[models]]\nid = "a"\n\n[[models]]\nid = "b"\n# quant = "Q4_K_M"\n${below}`,
    );

    expect(withoutModel(file, 'b')).toBe(`[[models]]\nid = "a"\n${below}`);
  });

  test('keeps empty lines elsewhere, also those in a value', () => {
    const other = '# ours\n\n\n\n[[models]]\nid = "a"\nchat_template = """\n\n\n\n# text"""\n';
    const file = fileWith(`${other}\n[[models]]\nid = "b"\n`);

    expect(withoutModel(file, 'b')).toBe(other);
  });

  test('keeps its line ends and its comments where lines end with CRLF', () => {
    const crlf = TEXT.replaceAll('\n', '\r\n');
    const file = fileWith(crlf);

    expect(withModel(crlf, { id: 'n', source: 'hf:o/n' })).toBe(
      `${crlf}\r\n[[models]]\r\nid = "n"\r\nsource = "hf:o/n"\r\n`,
    );
    expect(withoutModel(file, 'chat')).toBe(
      crlf.replace(/\[\[models\]\]\r\nid = "chat".*?0\.7\r\n\r\n/s, ''),
    );
  });

  test.each([
    ['one', 'two'],
    ['modèle/ü 模型 😀', '模型/二'],
    ['with "quotes" and \\', `it's "quoted"`],
    ['# [[models]]', 'a]] # b'],
  ])('with a byte order mark gains and loses the ids %p and %p', (first, second) => {
    const before = `\uFEFF[[models]]\nid = ${JSON.stringify(first)}\n`;
    const added = withModel(before, { id: second, source: 'hf:o/n' });
    const file = fileWith(added);

    expect(added.startsWith(before)).toBe(true);
    expect(withoutModel(file, second)).toBe(before);
    expect(withoutModel(file, first)).toBe(added.slice(before.length + 1));
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

  test('is put back with its bytes and mode, and a new one is removed', () => {
    const file = fileWith(TEXT);
    chmodSync(file, 0o600);
    const fresh = join(dirname(file), 'fresh.toml');

    replaceModelsFile(file, 'x', () => undefined)();
    replaceModelsFile(fresh, 'x', () => undefined)();

    expect(readFileSync(file, 'utf8')).toBe(TEXT);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(dirname(file))).toEqual(['models.toml']);
  });

  test('that cannot be written is named with the reason', () => {
    const file = join(fileWith(TEXT), 'below-a-file', 'models.toml');

    expect(() => replaceModelsFile(file, 'x', () => undefined)).toThrow(
      /models\.toml cannot be written: /,
    );
  });
});
