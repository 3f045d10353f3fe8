import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { z } from 'zod';

import { ConfigError } from './config-error.ts';
import { type ConfigInput, loadConfig } from './load-config.ts';

const Schema = z.strictObject({
  gateway: z
    .strictObject({
      listen: z.string().default('127.0.0.1:31313'),
      max_body_mb: z.number().positive().default(64),
      cors_origins: z.array(z.string()).default([]),
    })
    .prefault({}),
  eviction: z.strictObject({ strategy: z.enum(['lru', 'priority']).default('lru') }).prefault({}),
  require: z.boolean().default(false),
  slots: z.union([z.int().min(1), z.literal('auto')]).default('auto'),
  neurons: z
    .array(
      z.strictObject({ name: z.string().min(1), endpoint: z.url(), weight: z.number().optional() }),
    )
    .default([]),
  aliases: z
    .record(
      z.string(),
      z.union([
        z.string(),
        z.array(z.string()),
        z.strictObject({ model: z.string(), listed: z.boolean().default(true) }),
      ]),
    )
    .default({}),
});
type Schema = z.infer<typeof Schema>;

let folder: string;
let main: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  main = join(folder, 'cortex.toml');
});
afterAll(() => rmSync(folder, { recursive: true }));

function load(toml: string | undefined, more: Partial<ConfigInput<Schema>> = {}) {
  if (toml !== undefined) writeFileSync(main, toml);
  return loadConfig({
    schema: Schema,
    file: toml === undefined ? undefined : main,
    env: {},
    prefix: 'CORTEX_',
    ...more,
  });
}

/** The error of a refused start, with the temporary folder removed from its message. */
function refusal(toml: string | undefined, more: Partial<ConfigInput<Schema>> = {}) {
  try {
    load(toml, more);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const { line, key } = error;
    return { message: error.message.replaceAll(`${folder}/`, ''), line, key };
  }
  throw new Error('not refused');
}

describe('configuration values', () => {
  test('are the defaults if they are not set', () => {
    const { value, origins, warnings } = load(undefined);

    expect(value.gateway).toEqual({ listen: '127.0.0.1:31313', max_body_mb: 64, cors_origins: [] });
    expect(new Set(origins.values())).toEqual(new Set(['default']));
    expect(warnings).toEqual([]);
  });

  test('come from the file, then the environment, then flags', () => {
    const { value, origins } = load('slots = 2\n[gateway]\nlisten = "a:1"\nmax_body_mb = 1\n', {
      env: { CORTEX_GATEWAY__LISTEN: 'b:2', CORTEX_GATEWAY__MAX_BODY_MB: '2' },
      flags: { 'gateway.listen': 'c:3', 'gateway.cors_origins': undefined },
    });

    expect(value.gateway).toEqual({ listen: 'c:3', max_body_mb: 2, cors_origins: [] });
    expect(Object.fromEntries(origins)).toMatchObject({
      'gateway.listen': '--listen',
      'gateway.max_body_mb': 'CORTEX_GATEWAY__MAX_BODY_MB',
      'gateway.cors_origins': 'default',
      slots: `${main}:1`,
    });
  });

  test('report the name of the flag as their origin', () => {
    const { origins } = load(undefined, {
      flags: { 'gateway.listen': { value: ':1', flag: '--lan' } },
    });

    expect(origins.get('gateway.listen')).toBe('--lan');
  });

  test('in arrays of tables report their own lines', () => {
    const { origins } = load(
      '[[neurons]]\nname = "a"\nendpoint = "http://a"\n\n[[neurons]]\nname = "b"\nendpoint = "http://b"\n[aliases]\n"x-*" = { model = "m" }\n',
    );

    expect(origins.get('neurons[1].name')).toBe(`${main}:6`);
    expect(origins.get('aliases."x-*".model')).toBe(`${main}:9`);
    expect(origins.get('aliases."x-*".listed')).toBe('default');
  });
});

describe('an environment variable', () => {
  test('is parsed according to the type of its key', () => {
    const { value } = load(undefined, {
      env: {
        CORTEX_GATEWAY__LISTEN: '5',
        CORTEX_GATEWAY__CORS_ORIGINS: '["http://a", "http://b"]',
        CORTEX_EVICTION__STRATEGY: '"priority"',
        CORTEX_REQUIRE: 'true',
        CORTEX_SLOTS: '3',
        CORTEX_NEURONS: '[{ name = "n", endpoint = "http://n" }]',
      },
    });

    expect(value.gateway.listen).toBe('5');
    expect(value.gateway.cors_origins).toEqual(['http://a', 'http://b']);
    expect(value.eviction.strategy).toBe('priority');
    expect(value.require).toBe(true);
    expect(value.slots).toBe(3);
    expect(value.neurons).toEqual([{ name: 'n', endpoint: 'http://n' }]);
  });

  test('can be the word of a key that is a number or a word', () => {
    expect(load('slots = 3', { env: { CORTEX_SLOTS: 'auto' } }).value.slots).toBe('auto');
  });

  test.each(["'single'", '"a\\u0062"', '"""x"""'])('may quote its text as in TOML: %s', (text) => {
    const { value } = load(undefined, { env: { CORTEX_GATEWAY__LISTEN: text } });

    expect(value.gateway.listen).toMatch(/^(single|ab|x)$/);
  });

  test('replaces a whole array of the file, including its lines', () => {
    const { value, origins } = load(
      '[[neurons]]\nname = "a"\nendpoint = "http://a"\nweight = 2\n',
      {
        env: { CORTEX_NEURONS: '[{ name = "n", endpoint = "http://n" }]' },
      },
    );

    expect(value.neurons).toEqual([{ name: 'n', endpoint: 'http://n' }]);
    expect(origins.get('neurons[0].name')).toBe('CORTEX_NEURONS');
  });

  test('without __ that is unknown causes a warning, unless its name is reserved', () => {
    const { warnings } = load(undefined, {
      env: { CORTEX_PORT: 'tcp://1', CORTEX_STATE_DIR: '/x', NEURON_LISTEN: 'x', HOME: '/' },
      ignoreEnv: ['CORTEX_STATE_DIR'],
    });

    expect(warnings).toEqual(['CORTEX_PORT is not a known variable and is ignored']);
  });

  test('with __ that is unknown stops the start, and the error suggests the nearest variable', () => {
    expect(refusal(undefined, { env: { CORTEX_GATEWAY__LISEN: 'x' } })).toEqual({
      message:
        'CORTEX_GATEWAY__LISEN: unknown key gateway.lisen, did you mean CORTEX_GATEWAY__LISTEN?',
      line: undefined,
      key: 'gateway.lisen',
    });
    expect(refusal(undefined, { env: { CORTEX_GATWAY__LISTEN: 'x' } }).message).toBe(
      'CORTEX_GATWAY__LISTEN: unknown key gatway.listen, did you mean CORTEX_GATEWAY__LISTEN?',
    );
  });

  test.each(['constructor', 'toString', 'valueOf'])(
    'is not a key when its name is a member of every object: %s',
    (name) => {
      expect(refusal(`${name} = 1`).message).toContain(`unknown key ${name}`);
      expect(load(undefined, { env: { [`CORTEX_${name}`]: '1' } }).warnings).toHaveLength(1);
    },
  );

  test.each([
    ['CORTEX_GATEWAY__MAX_BODY_MB', 'big', 'gateway.max_body_mb must be a number, not "big"'],
    ['CORTEX_GATEWAY__MAX_BODY_MB', '"5"', 'gateway.max_body_mb must be a number, not "5"'],
    ['CORTEX_GATEWAY__MAX_BODY_MB', '-1', 'gateway.max_body_mb must be more than 0, not -1'],
    ['CORTEX_REQUIRE', 'yes', 'require must be true or false, not "yes"'],
    ['CORTEX_REQUIRE', 'true\nslots = 9', 'require must be true or false, not "true\\nslots = 9"'],
    [
      'CORTEX_EVICTION__STRATEGY',
      'lur',
      'eviction.strategy must be "lru" or "priority", not "lur"',
    ],
    [
      'CORTEX_GATEWAY__CORS_ORIGINS',
      '*',
      'gateway.cors_origins must be a list of text, not "*": write ["*"]',
    ],
    ['CORTEX_SLOTS', 'atuo', 'slots must be a whole number or "auto", not "atuo"'],
  ])('%s=%j is refused', (name, text, message) => {
    expect(refusal(undefined, { env: { [name]: text } }).message).toBe(`${name}: ${message}`);
  });
});

describe('the start is refused for', () => {
  test('an unknown key, with file, line and the nearest known key', () => {
    expect(refusal('\n[gateway]\nlisen = "a"\n')).toEqual({
      message: 'cortex.toml:3: unknown key gateway.lisen, did you mean gateway.listen?',
      line: 3,
      key: 'gateway.lisen',
    });
  });

  test('an unknown table, and a known key in the wrong place', () => {
    expect(refusal('[gatway]\nlisten = "a"\n').message).toBe(
      'cortex.toml:1: unknown key gatway, did you mean gateway?',
    );
    expect(refusal('max_body_mb = 1\n').message).toBe(
      'cortex.toml:1: unknown key max_body_mb, did you mean gateway.max_body_mb?',
    );
    expect(refusal('zzzzzzzz = 1\n').message).toBe('cortex.toml:1: unknown key zzzzzzzz');
  });

  test('an invalid value, with the expected and the given value', () => {
    expect(refusal('slots = 1.5').message).toBe(
      'cortex.toml:1: slots must be a whole number or "auto", not 1.5',
    );
    expect(refusal('[gateway]\nlisten = 5').message).toBe(
      'cortex.toml:2: gateway.listen must be text, not 5',
    );
    expect(refusal('gateway = 5').message).toBe('cortex.toml:1: gateway must be a table, not 5');
  });

  test('an unknown key that is like one of another table, with that key', () => {
    expect(refusal('max_body = 5').message).toBe(
      'cortex.toml:1: unknown key max_body, did you mean gateway.max_body_mb?',
    );
    expect(refusal('[[neurons]]\nname = "a"\nendpoint = "http://a"\nx = 1').message).toBe(
      'cortex.toml:4: unknown key neurons[0].x',
    );
  });

  test('an empty list in place of a text, which is one problem', () => {
    const toml = '[[neurons]]\nname = []\nendpoint = "http://a"\n';

    expect(refusal(toml).message).toBe('cortex.toml:2: neurons[0].name must be text, not []');
  });

  test('an invalid entry of an array of tables, with its index', () => {
    const toml = '[[neurons]]\nname = "a"\nendpoint = "http://a"\n[[neurons]]\nname = ""\n';

    expect(refusal(toml).message.split('\n')).toEqual([
      'cortex.toml:4: neurons[1].endpoint is missing',
      'cortex.toml:5: neurons[1].name must not be empty',
    ]);
  });

  test('an invalid table at a key that also accepts other types', () => {
    expect(refusal('[aliases]\na = { mdel = "x" }\n').message.split('\n')).toEqual([
      'cortex.toml:2: aliases.a.model is missing',
      'cortex.toml:2: unknown key aliases.a.mdel, did you mean aliases.a.model?',
    ]);
    expect(refusal('[aliases]\na = 5\n').message).toBe(
      'cortex.toml:2: aliases.a must be text or a list of text or a table, not 5',
    );
  });

  test('several problems, which it lists in the order of the file', () => {
    const { message, line } = refusal('slots = 0\nrequire = 1\n[gateway]\nx = 1\n', {
      env: { CORTEX_A__B: '1' },
    });

    expect(message.split('\n')).toEqual([
      'CORTEX_A__B: unknown key a.b',
      'cortex.toml:1: slots must be at least 1, not 0',
      'cortex.toml:2: require must be true or false, not 1',
      'cortex.toml:4: unknown key gateway.x',
    ]);
    expect(line).toBeUndefined();
  });

  test('a file that is not TOML, with the line', () => {
    expect(refusal('slots = 1\nslots = 2\n')).toMatchObject({ line: 2 });
    expect(refusal('[gateway\n').message).toStartWith('cortex.toml:1: not valid TOML: ');
  });

  test('a file that is not UTF-8, with the line', () => {
    writeFileSync(main, Buffer.from('slots = 1\n# caf\u00e9\n', 'latin1'));

    expect(refusal(undefined, { file: main })).toMatchObject({
      message: 'cortex.toml:2: not valid TOML: the text is not UTF-8',
      line: 2,
    });
  });

  test('a table in place of a list of tables, and the reverse, with the header to write', () => {
    expect(refusal('\n[neurons]\nname = "a"\n').message).toBe(
      'cortex.toml:2: neurons must be a list of tables: write [[neurons]]',
    );
    expect(refusal('[[gateway]]\nlisten = "a"\n').message).toBe(
      'cortex.toml:1: gateway must be a table: write [gateway]',
    );
    expect(refusal('neurons = 5').message).toBe(
      'cortex.toml:1: neurons must be a list of tables, not 5',
    );
    expect(refusal(undefined, { env: { CORTEX_NEURONS: 'beast' } }).message).toBe(
      'CORTEX_NEURONS: neurons must be a list of tables, not "beast"',
    );
  });

  test('a named file that is missing or is a folder', () => {
    expect(refusal(undefined, { file: join(folder, 'nope.toml') }).message).toBe(
      'nope.toml cannot be read: no such file or folder',
    );
    expect(refusal(undefined, { file: folder }).message).toContain(
      'cannot be read: it is a folder',
    );
  });

  test.each([
    ['aliases.__proto__', '[aliases]\n"__proto__" = "m"\n'],
    ['aliases.__proto__', '[aliases]\na = "m"\n[aliases.__proto__]\nmodel = "m"\n'],
    ['aliases.a.__proto__', '[aliases]\na = { model = "m", __proto__ = 1 }\n'],
    ['neurons[0].__proto__', '[[neurons]]\nname = "a"\n__proto__ = 1\n'],
    ['__proto__', '[__proto__]\nlisten = "a"\n'],
  ])('the key %s, which cannot be a member of an object', (key, toml) => {
    const { message } = refusal(toml);

    expect(message).toEndWith(`: ${key}: the name "__proto__" is not allowed here`);
    expect(message).toMatch(/^cortex\.toml:\d+: [^\n]*$/);
  });

  test('text of the wrong format, with the expected format', () => {
    const name = z.string().regex(/^[a-z]+$/, 'must contain only letters');
    const schema = z.strictObject({ name, url: z.url() });
    writeFileSync(main, 'name = "a b"\nurl = "x"\n');
    const starting = () => loadConfig({ schema, file: main, env: {}, prefix: 'CORTEX_' });

    expect(starting).toThrow('name must contain only letters, not "a b"');
    expect(starting).toThrow('url must be a URL, not "x"');
  });

  test('text of none of several formats, with these formats', () => {
    const schema = z.strictObject({
      proxy: z.union([z.ipv4(), z.cidrv4()]),
      path: z.string().startsWith('/'),
      id: z.string().regex(/^x/),
    });
    writeFileSync(main, 'proxy = "here"\npath = "a"\nid = "y"\n');
    const starting = () => loadConfig({ schema, file: main, env: {}, prefix: 'CORTEX_' });

    expect(starting).toThrow('proxy must be an IPv4 address or an IPv4 block, not "here"');
    expect(starting).toThrow('path must start with "/", not "a"');
    expect(starting).toThrow('id must match /^x/, not "y"');
  });

  test('a name that the operator chooses and that is not allowed', () => {
    const name = z.string().regex(/^[a-z]+$/, 'must contain only letters');
    const schema = z.strictObject({ env: z.record(name, z.string()) });
    writeFileSync(main, '[env]\n"a b" = "x"\n');

    expect(() => loadConfig({ schema, file: main, env: {}, prefix: 'CORTEX_' })).toThrow(
      'cortex.toml:2: env."a b": the name must contain only letters',
    );
  });

  test('a flag with an invalid value', () => {
    expect(refusal(undefined, { flags: { slots: 'many' } }).message).toBe(
      '--slots: slots must be a whole number or "auto", not "many"',
    );
  });
});

const neuron = (name: string): string =>
  `[[neurons]]\nname = "${name}"\nendpoint = "http://${name}"\n`;
const writeNode = (name: string, text: string): void => {
  mkdirSync(join(folder, 'nodes.d'), { recursive: true });
  writeFileSync(join(folder, 'nodes.d', name), text);
};

describe('a nodes.d folder', () => {
  const alsoMerge = { directory: 'nodes.d', arrays: ['neurons'] };
  test('may be missing', () => {
    expect(
      load(neuron('a'), { alsoMerge: { ...alsoMerge, directory: 'no' } }).value.neurons,
    ).toHaveLength(1);
  });

  test('appends to the arrays in the order of the file names, with the lines of its files', () => {
    writeNode('2.toml', neuron('c'));
    writeNode('1.toml', `# more\n${neuron('b')}`);
    writeNode('readme.md', 'not TOML');

    const { value, origins } = load(neuron('a'), { alsoMerge });

    expect(value.neurons.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(origins.get('neurons[1].name')).toBe(`${join(folder, 'nodes.d/1.toml')}:3`);
    expect(origins.get('neurons[2].name')).toBe(`${join(folder, 'nodes.d/2.toml')}:2`);
  });

  test('is named in the error with file and line', () => {
    writeNode('2.toml', '[[neurons]]\nname = "c"\nendpont = "http://c"\n');

    expect(refusal(neuron('a'), { alsoMerge }).message).toContain(
      'nodes.d/2.toml:3: unknown key neurons[2].endpont, did you mean neurons[2].endpoint?',
    );
  });

  test('may hold only those arrays', () => {
    writeNode('2.toml', '\n[gateway]\nlisten = "x"\n');

    expect(refusal(neuron('a'), { alsoMerge })).toEqual({
      message: 'nodes.d/2.toml:2: this file may contain only [[neurons]], not gateway',
      line: 2,
      key: 'gateway',
    });
  });
});

describe('a folder of state that adds to an array', () => {
  const alsoAdd = { folder: () => join(folder, 'state', 'nodes.d'), arrays: ['neurons'] };
  const writeAdded = (name: string, text: string): void => {
    mkdirSync(alsoAdd.folder(), { recursive: true });
    writeFileSync(join(alsoAdd.folder(), name), text);
  };

  test('adds to the main file and without one, with the lines of its files', () => {
    writeAdded('b.toml', `# joined\n${neuron('b')}`);

    const beside = load(neuron('a'), { alsoAdd });
    const alone = load(undefined, { alsoAdd });

    expect(beside.value.neurons.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(beside.origins.get('neurons[1].name')).toBe(`${alsoAdd.folder()}/b.toml:3`);
    expect(alone.value.neurons.map(({ name }) => name)).toEqual(['b']);
    expect(alone.origins.get('neurons[0].name')).toBe(`${alsoAdd.folder()}/b.toml:3`);
  });

  test('adds to what a variable has set, each with its own origin', () => {
    writeAdded('b.toml', neuron('b'));
    const env = { CORTEX_NEURONS: '[{ name = "c", endpoint = "http://c" }]' };

    const { value, origins } = load(neuron('a'), { alsoAdd, env });

    expect(value.neurons.map(({ name }) => name)).toEqual(['c', 'b']);
    expect(origins.get('neurons[0].name')).toBe('CORTEX_NEURONS');
    expect(origins.get('neurons[1].name')).toBe(`${alsoAdd.folder()}/b.toml:2`);
    expect(origins.get('neurons[1].endpoint')).toBe(`${alsoAdd.folder()}/b.toml:3`);
  });

  test('is where a key of the configuration says, relative to the file that sets it', () => {
    writeAdded('b.toml', neuron('b'));
    const named = {
      ...alsoAdd,
      folder: (pathOf: (key: string) => string | undefined) =>
        join(pathOf('gateway.listen') ?? '', 'nodes.d'),
    };

    const fromFile = load('[gateway]\nlisten = "state"\n', { alsoAdd: named });
    const fromEnv = load('[gateway]\nlisten = "nowhere"\n', {
      alsoAdd: named,
      env: { CORTEX_GATEWAY__LISTEN: join(folder, 'state') },
    });

    expect(fromFile.value.neurons).toHaveLength(1);
    expect(fromEnv.value.neurons).toHaveLength(1);
  });

  test('adds its files once if it is the folder beside the main file as well', () => {
    writeAdded('b.toml', neuron('b'));
    const alsoMerge = { directory: 'state/nodes.d', arrays: ['neurons'] };

    expect(load(neuron('a'), { alsoMerge, alsoAdd }).value.neurons).toHaveLength(2);
  });
});

describe('a file below the main one', () => {
  const below = (text: string) => {
    const path = join(folder, 'joined.toml');
    writeFileSync(path, text);
    return { fileBelow: () => path };
  };

  test('sets what nothing else sets, and each value has the origin of its own file', () => {
    const { value, origins } = load('require = true\n[gateway]\nmax_body_mb = 2\n', {
      ...below(
        'require = false\n[gateway]\nmax_body_mb = 1\nlisten = "below"\n[eviction]\nstrategy = "priority"\n',
      ),
      env: { CORTEX_EVICTION__STRATEGY: 'lru' },
    });

    expect(value).toMatchObject({
      require: true,
      gateway: { max_body_mb: 2, listen: 'below' },
      eviction: { strategy: 'lru' },
    });
    expect(origins.get('gateway.max_body_mb')).toBe(`${main}:3`);
    expect(origins.get('gateway.listen')).toBe(`${join(folder, 'joined.toml')}:4`);
    expect(origins.get('require')).toBe(`${main}:1`);
    expect(origins.get('eviction.strategy')).toBe('CORTEX_EVICTION__STRATEGY');
  });

  test('is read without a main file, may be missing, and is named in its errors', () => {
    expect(load(undefined, below('require = true\n')).value.require).toBe(true);
    expect(load(undefined, { fileBelow: () => join(folder, 'absent') }).value.require).toBe(false);
    expect(refusal(undefined, below('\nrequir = true\n')).message).toContain(
      'joined.toml:2: unknown key requir, did you mean require?',
    );
  });
});

describe('a credential of systemd', () => {
  const credentials = { 'gateway.listen': 'cortex.listen' };
  const given = () => {
    writeFileSync(join(folder, 'cortex.listen'), 'text');
    return { credentials, env: { CREDENTIALS_DIRECTORY: folder } };
  };

  test('is the default of its key, with its name as the origin', () => {
    const { value, origins } = load('', given());

    expect(value.gateway.listen).toBe(join(folder, 'cortex.listen'));
    expect(origins.get('gateway.listen')).toBe('credential cortex.listen');
  });

  test('yields to whatever sets the key', () => {
    const { value, origins } = load('[gateway]\nlisten = "file"\n', given());

    expect(value.gateway.listen).toBe('file');
    expect(origins.get('gateway.listen')).toBe(`${main}:2`);
  });

  test('may be missing', () => {
    const env = { CREDENTIALS_DIRECTORY: join(folder, 'none') };

    expect(load('', { credentials, env }).value.gateway.listen).toBe('127.0.0.1:31313');
  });

  test('does not hide a value of the wrong type above its key', () => {
    expect(refusal('gateway = 5\n', given()).message).toContain('cortex.toml:1: gateway');
  });
});
