/** Request bodies that no client should send, drawn from a seed. */
import fc from 'fast-check';

export interface HostileBody {
  /** What is wrong with it, for the report of a failure. */
  readonly label: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

const nested = (open: string, close: string, levels: number): string =>
  `${open.repeat(levels)}0${close.repeat(levels)}`;

/** JSON texts, because some cannot be written by `JSON.stringify`. */
const VALUES: Readonly<Record<string, string>> = {
  null: 'null',
  true: 'true',
  zero: '0',
  'minus one': '-1',
  half: '0.5',
  'more than 2^53': '9007199254740993',
  '2^64': '18446744073709551616',
  infinite: '1e400',
  '400 digits': '9'.repeat(400),
  'an empty string': '""',
  constructor: '"constructor"',
  __proto__: '"__proto__"',
  toString: '"toString"',
  hasOwnProperty: '"hasOwnProperty"',
  'a lone surrogate': String.raw`"\ud800"`,
  'a NUL': String.raw`"a\u0000b"`,
  'control characters': String.raw`"\r\n\u001b[2J\u2028"`,
  'a broken image': '"data:image/png;base64,@@@@"',
  'an empty list': '[]',
  'a list of null': '[null]',
  'a list of lists': '[[],[[]]]',
  'an empty object': '{}',
  'a list of an empty object': '[{}]',
  'an own __proto__': '{"__proto__":{"role":"user","content":"x","stream":true}}',
  'an own constructor': '{"constructor":{"prototype":{"role":"user"}}}',
  'members of Object.prototype': '{"toString":1,"valueOf":null,"hasOwnProperty":"x"}',
  '500 levels of lists': nested('[', ']', 500),
  '500 levels of objects': nested('{"a":', '}', 500),
  '50,000 levels of lists': nested('[', ']', 50_000),
  '50,000 levels of objects': nested('{"a":', '}', 50_000),
  'a string of 200 KB': JSON.stringify('word '.repeat(40_000)),
  'one word of 200 KB': JSON.stringify('x'.repeat(200_000)),
  'a list of 10,000': JSON.stringify(Array(10_000).fill(0)),
  'an object of 10,000': JSON.stringify(
    Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`k${index}`, index])),
  ),
};

const KEYS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'model', 'messages'];

/** Bodies that are wrong as a whole. */
const WHOLE_BODIES: readonly HostileBody[] = [
  ...Object.entries({
    'is empty': '',
    'is blank': ' \r\n\t',
    'is a number': '1e400',
    'is a string': '"constructor"',
    'is a list': '[{"model":"cortex-tiny"}]',
    'is an own __proto__': '{"__proto__":{"model":"cortex-tiny"}}',
    'is not JSON': 'model=cortex-tiny',
    'is two values': '{} {}',
    'has a comma too many': '{"model":"cortex-tiny",}',
    'has a key twice': '{"model":"cortex-tiny","model":1}',
    'has an invalid escape': String.raw`{"model":"\x"}`,
    'begins with 50,000 brackets': '['.repeat(50_000),
    'begins with 50,000 objects': '{"a":'.repeat(50_000),
    'has only an unknown model': '{"model":"constructor"}',
  }).map(([label, text]) => ({ label, bytes: encode(text) })),
  { label: 'is not UTF-8', bytes: new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0xc0, 0x22, 0x7d]) },
  { label: 'is UTF-16', bytes: new Uint8Array(Buffer.from('\ufeff{"model":"m"}', 'utf16le')) },
];

/** Each of them takes every place of a valid body once, whatever the seed. */
const EVERYWHERE = ['constructor', '50,000 levels of lists'] as const;

const anyValue = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      ...Object.entries(VALUES).map(([name, text]) => ({ name, text: text as string | undefined })),
    ),
  },
  { weight: 1, arbitrary: fc.constant({ name: 'absent', text: undefined }) },
  {
    weight: 2,
    arbitrary: fc.jsonValue({ maxDepth: 2 }).map((value) => ({
      name: 'any JSON',
      text: JSON.stringify(value) as string | undefined,
    })),
  },
);

const MARK = '\u0001hostile\u0001';

/** The number of values in a JSON text, the whole included. */
function placesIn(text: string): number {
  let places = 0;
  JSON.parse(text, () => {
    places += 1;
  });
  return places;
}

/** A valid body with another value at one of its places, in the order of `JSON.parse`; the last is the whole. */
function withValue(
  base: string,
  place: number,
  value: string | undefined,
): { readonly text: string; readonly key: string } {
  let at = 0;
  let key = '';
  const marked: unknown = JSON.parse(base, (name, old: unknown) => {
    at += 1;
    if (at - 1 !== place) return old;
    key = name;
    return value === undefined ? undefined : MARK;
  });
  const written = JSON.stringify(marked) ?? '';
  return { key, text: written.replace(JSON.stringify(MARK), () => value ?? '') };
}

/** A value of `VALUES` at each place of a valid body. */
const everywhere = (base: string, name: (typeof EVERYWHERE)[number]): readonly HostileBody[] =>
  Array.from({ length: placesIn(base) }, (_, place) => {
    const { key, text } = withValue(base, place, VALUES[name]);
    return { label: `has "${key}" (value ${place}): ${name}`, bytes: encode(text) };
  });

/** `text` with a member more in one of its objects; the member comes first, so that a later one of the name wins. */
function withMember(text: string, place: number, member: string): string {
  const opens = [...text.matchAll(/\{/g)].map(({ index }) => index + 1);
  const at = opens[place % opens.length];
  if (at === undefined) return text;
  const comma = text[at] === '}' ? '' : ',';
  return text.slice(0, at) + member + comma + text.slice(at);
}

/** A valid JSON body with one of its values replaced, and up to two members added. */
const changed = (base: string): fc.Arbitrary<HostileBody> =>
  fc
    .record({
      place: fc.nat(),
      value: anyValue,
      members: fc.array(fc.tuple(fc.nat(), fc.constantFrom(...KEYS), anyValue), { maxLength: 2 }),
    })
    .map(({ place, value, members }) => {
      const replaced = withValue(base, place % placesIn(base), value.text);
      const text = members.reduce(
        (now, [at, key, { text: member }]) =>
          withMember(now, at, `${JSON.stringify(key)}:${member ?? 'null'}`),
        replaced.text,
      );
      const more = members.map(([, key, { name }]) => `, and "${key}" more: ${name}`).join('');
      return { label: `has "${replaced.key}": ${value.name}${more}`, bytes: encode(text) };
    });

const spliced = (bytes: Uint8Array, at: number, piece: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]));

const BAD_BYTES = [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80], [0]].map(
  (bytes) => new Uint8Array(bytes),
);

/** A valid body that was cut off, or with bytes in it that are not UTF-8. */
const damaged = (base: Uint8Array): fc.Arbitrary<HostileBody> =>
  fc.oneof(
    fc.nat(base.length - 1).map((length) => ({
      label: `is cut off after ${length} bytes`,
      bytes: new Uint8Array(base.subarray(0, length)),
    })),
    fc.tuple(fc.nat(base.length), fc.constantFrom(...BAD_BYTES)).map(([at, piece]) => ({
      label: `has bytes ${piece.join(' ')} at ${at}`,
      bytes: spliced(base, at, piece),
    })),
  );

/** What can be wrong with a valid body, in any order; `count` more are drawn from the seed. A few are valid too. */
export function hostileBodies(
  base: string,
  {
    isJson,
    seed,
    count,
  }: { readonly isJson: boolean; readonly seed: number; readonly count: number },
): readonly HostileBody[] {
  const bad = damaged(encode(base));
  if (!isJson) return [...WHOLE_BODIES, ...fc.sample(bad, { seed, numRuns: count })];
  const any = fc.oneof({ weight: 4, arbitrary: changed(base) }, bad);
  return [
    ...WHOLE_BODIES,
    ...EVERYWHERE.flatMap((name) => everywhere(base, name)),
    ...fc.sample(any, { seed, numRuns: count }),
  ];
}
