/** What the name of a model says about it. The fleet knows no more; clients only show it and use it as a key. */

const lastPart = (id: string): string => id.slice(id.lastIndexOf('/') + 1);

/** The name without its maker and its tag. */
export const baseName = (id: string): string => lastPart(id).split(':')[0] ?? '';

/** `qwen3` of `Qwen/Qwen3-Coder-30B-A3B-Instruct`. Also the key under which clients look for the context length. */
export const familyOf = (id: string): string =>
  /^[a-z]+\d*/.exec(baseName(id).toLowerCase())?.[0] ?? 'unknown';

const SIZE = /(?:^|[-_: ])((?:(\d+)x)?(\d+(?:\.\d+)?)([bm]))(?![a-z0-9])/i;

const UNITS: Readonly<Record<string, number>> = { B: 1e9, M: 1e6 };

/** Parameters by the name: `{text: '30B', count: 3e10}` of `Qwen3-30B-A3B`; undefined: it does not say. */
export function sizeOf(id: string): { readonly text: string; readonly count: number } | undefined {
  const [, text, experts = '1', number, unit = ''] = SIZE.exec(lastPart(id)) ?? [];
  const factor = UNITS[unit.toUpperCase()];
  if (text === undefined || factor === undefined) return undefined;
  return {
    text: text.slice(0, -1) + unit.toUpperCase(),
    count: Math.round(Number(experts) * Number(number) * factor),
  };
}

/** 64 hexadecimal digits that are always the same for `text`, where clients expect the digest of a file. */
export const digestOf = (text: string): string =>
  new Bun.CryptoHasher('sha256').update(text).digest('hex');
