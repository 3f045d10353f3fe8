import { describe, expect, test } from 'bun:test';

import { stringify as toToml } from '@decimalturn/toml-patch';
import fc from 'fast-check';
import { stringify as toYaml } from 'yaml';

import { type JsonObject, type JsonValue } from '../json-value.ts';
import { editJsonc } from './edit-jsonc.ts';
import { editToml } from './edit-toml.ts';
import { editYaml } from './edit-yaml.ts';
import { type EditText, UneditableFile } from './format.ts';
import { merged } from './merge.ts';

const KEYS = fc.constantFrom('model', 'providers', 'cortex', 'url', 'a b', 'x.y', 'é');

const { object } = fc.letrec<{ object: JsonObject; value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string({ unit: 'grapheme' }),
    fc.integer(),
    fc.boolean(),
    fc.array(fc.integer(), { maxLength: 3 }),
    tie('object'),
  ),
  object: fc.dictionary(KEYS, tie('value'), { maxKeys: 4, noNullPrototype: true }),
}));

const FORMATS: readonly {
  readonly name: string;
  readonly edit: EditText;
  readonly print: (value: JsonObject) => string;
  readonly read: (text: string) => unknown;
}[] = [
  {
    name: 'JSON over several lines',
    edit: editJsonc,
    print: (value) => JSON.stringify(value, null, 4),
    read: (text): unknown => JSON.parse(text),
  },
  {
    name: 'JSON on one line',
    edit: editJsonc,
    print: (value) => JSON.stringify(value),
    read: (text): unknown => JSON.parse(text),
  },
  { name: 'TOML', edit: editToml, print: toToml, read: (text) => Bun.TOML.parse(text) },
  { name: 'YAML', edit: editYaml, print: toYaml, read: (text) => Bun.YAML.parse(text) ?? {} },
];

describe('every edit', () => {
  test.each(FORMATS)(
    'of $name gives the file the settings, keeps everything else, and changes nothing again',
    ({ edit, print, read }) => {
      fc.assert(
        fc.property(object, object, (present, settings) => {
          let edited: string;
          try {
            edited = edit({ text: print(present), settings });
          } catch (error) {
            // The settings have an object where the file has something else.
            if (!(error instanceof UneditableFile)) throw error;
            expect(error.message).toContain('is not an object');
            return;
          }
          expect(read(edited)).toEqual(merged(present, settings));
          expect(edit({ text: edited, settings })).toBe(edited);
        }),
      );
    },
  );
});
