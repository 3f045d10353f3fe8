import { describe, expect, test } from 'bun:test';

import { editJsonc } from './edit-jsonc.ts';
import { editToml } from './edit-toml.ts';
import { editYaml } from './edit-yaml.ts';

const SETTINGS = { model: 'm', providers: { cortex: { url: 'http://g', wire: 'r' } } };

describe('an edit of TOML', () => {
  const edit = (text: string) => editToml({ text, settings: SETTINGS });

  test('sets keys above the tables and adds a missing table at the end', () => {
    expect(edit('# mine\nmodel = "old" # why\n\n[tools] # t\na = [ 1,  2 ]\n')).toBe(
      '# mine\nmodel = "m" # why\n\n[tools] # t\na = [ 1,  2 ]\n\n[providers.cortex]\nurl = "http://g"\nwire = "r"\n',
    );
  });

  test('changes a table that is there, and keeps its other keys and comments', () => {
    expect(edit('model = "m"\n\n[providers.cortex] # p\nurl = "old" # u\nretries = 1\n')).toBe(
      'model = "m"\n\n[providers.cortex] # p\nurl = "http://g" # u\nretries = 1\nwire = "r"\n',
    );
  });

  test('adds to an inline table, which no header may extend', () => {
    const edited = edit('model = "m"\nproviders = { other = { url = "o" } } # all\n');

    expect(Bun.TOML.parse(edited)).toEqual({
      model: 'm',
      providers: { other: { url: 'o' }, cortex: { url: 'http://g', wire: 'r' } },
    });
    expect(edited).toContain('# all');
  });

  test('keeps the line ends of Windows', () => {
    const edited = edit('a = 1\r\n');

    expect(edited.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  });
});

describe('an edit of JSON with comments', () => {
  const edit = (text: string) => editJsonc({ text, settings: SETTINGS });

  test('keeps comments, indentation and trailing commas', () => {
    expect(edit('{\n    // a\n    "model": "old", /* b */\n    "x": [1,],\n}\n')).toBe(
      '{\n    // a\n    "model": "m", /* b */\n    "x": [1,],\n    "providers": {\n        "cortex": {\n            "url": "http://g",\n            "wire": "r"\n        }\n    },\n}\n',
    );
  });

  test('adds a member below the comment of the last one, with or without a comma there', () => {
    const added =
      '  "providers": {\n    "cortex": {\n      "url": "http://g",\n      "wire": "r"\n    }\n  }';

    expect(edit('{\n  "model": "m" // last\n}\n')).toBe(
      `{\n  "model": "m", // last\n${added}\n}\n`,
    );
    expect(edit('{\n  "model": "m", // last\n}\n')).toBe(
      `{\n  "model": "m", // last\n${added},\n}\n`,
    );
  });

  test.each(['{"model":"a"}', '{}', '{\n}', '{ // c\n}', '{"providers": {}}'])(
    'works in objects on one line and in empty ones: %j',
    (text) => {
      const edited = edit(text);

      expect(Bun.JSON5.parse(edited)).toEqual(SETTINGS);
      expect(edited.includes('// c')).toBe(text.includes('// c'));
    },
  );

  test('keeps the line ends of Windows', () => {
    expect(edit('{\r\n  "a": 1\r\n}\r\n').replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  });
});

describe('an edit of YAML', () => {
  const edit = (text: string) =>
    editYaml({
      text,
      settings: { models: [{ name: 'c', url: 'new' }] },
      defaults: { version: '1' },
      listKey: 'name',
    });

  test('changes the entry with the name and keeps the other entries and all comments', () => {
    expect(
      edit(
        '# top\nversion: 7 # v\nmodels:\n- name: a # mine\n  tags: [x, y]\n- name: c\n  url: old # u\n  more: 1\n',
      ),
    ).toBe(
      '# top\nversion: 7 # v\nmodels:\n- name: a # mine\n  tags: [x, y]\n- name: c\n  url: new # u\n  more: 1\n',
    );
  });

  test('adds the entry at the end of the list, and the defaults that the file lacks', () => {
    expect(edit('models:\n  - name: a\n    url: "old"\n')).toBe(
      'models:\n  - name: a\n    url: "old"\n  - name: c\n    url: new\nversion: "1"\n',
    );
  });

  test('fills a file that has only a comment', () => {
    expect(edit('# mine\n')).toBe('# mine\n\nversion: "1"\nmodels:\n  - name: c\n    url: new\n');
  });
});
