import { CortexError } from '../errors.ts';

import { type Interest, memberInterest, type ScanListener } from './interest.ts';
import { readStringBytes, readStringText } from './string-text.ts';

/** Most bytes of UTF-8 that are decoded of a wanted string; the values that routing reads are shorter. */
const MAX_SCALAR_BYTES = 1 << 16;
/** Bytes of UTF-8 taken from each text of the affinity key (behaviour 40): enough to distinguish conversations. */
const MAX_TEXT_BYTES = 4096;

const decoder = new TextDecoder();

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const NO_TEXT = new Uint8Array();

/** Byte range [start, end). */
export type ByteRange = readonly [number, number];

export type JsonScalar = string | number | boolean | null;

type AffinityKind =
  | 'system'
  | 'systemPart'
  | 'systemText'
  | 'messages'
  | 'message'
  | 'role'
  | 'content'
  | 'contentPart'
  | 'contentText'
  | 'prompt';
type Kind =
  | { readonly what: 'root' }
  /** A wanted value, under the name in the request for it. */
  | { readonly what: 'scalar'; readonly name: string }
  /** An object whose members `names` are wanted. */
  | { readonly what: 'parent'; readonly names: readonly string[] }
  | { readonly what: AffinityKind };

const affinity = (what: AffinityKind): Interest<Kind> => ({ kind: { what } });

/** A `content`: a string, or an array of parts that have a `text`. */
const contentInterest = (
  what: AffinityKind,
  part: AffinityKind,
  text: AffinityKind,
): Interest<Kind> => ({
  kind: { what },
  element: { kind: { what: part }, members: [memberInterest('text', affinity(text))] },
});

const AFFINITY_MEMBERS = [
  memberInterest<Kind>('messages', {
    kind: { what: 'messages' },
    element: {
      kind: { what: 'message' },
      members: [
        memberInterest('role', affinity('role')),
        memberInterest('content', contentInterest('content', 'contentPart', 'contentText')),
      ],
    },
  }),
  memberInterest<Kind>('system', contentInterest('system', 'systemPart', 'systemText')),
  memberInterest<Kind>('prompt', affinity('prompt')),
];

/**
 * The interest for `model`, the names in `wanted` (a dot names a member of a top-level object) and the affinity
 * text.
 */
export function viewInterest(wanted: readonly string[]): Interest<Kind> {
  const names = [...new Set(['model', ...wanted])];
  const parents = new Set(
    names.filter((name) => name.includes('.')).map((name) => name.slice(0, name.indexOf('.'))),
  );
  const scalarMember = (key: string, name: string) =>
    memberInterest<Kind>(key, { kind: { what: 'scalar', name } });
  return {
    kind: { what: 'root' },
    members: [
      ...names.filter((name) => !name.includes('.')).map((name) => scalarMember(name, name)),
      ...[...parents].map((parent) => {
        const below = names.filter((name) => name.startsWith(`${parent}.`));
        return memberInterest<Kind>(parent, {
          kind: { what: 'parent', names: below },
          members: below.map((name) => scalarMember(name.slice(parent.length + 1), name)),
        });
      }),
      ...AFFINITY_MEMBERS,
    ],
  };
}

/** Collects the values that `viewInterest` names. The last of duplicates is used, as in `JSON.parse`. */
export class ViewListener implements ScanListener<Kind> {
  readonly values: Record<string, JsonScalar> = {};
  modelRange: ByteRange | undefined;
  /** Wanted names whose value is an object or an array. */
  readonly containers = new Set<string>();

  readonly #bytes: Uint8Array;
  #system: ByteRange[] = [];
  #systemTurns: ByteRange[] = [];
  #userTurn: readonly ByteRange[] | undefined;
  #prompt: ByteRange | undefined;
  /** Of the message being read. */
  #role = '';
  #content: ByteRange[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** UTF-8 of the system text and of the first user turn, else of the prompt; 4 KiB of each. Undefined: it has none. */
  readAffinityTexts(): readonly Uint8Array[] | undefined {
    const system = this.#join([...this.#system, ...this.#systemTurns]);
    if (system.length > 0 || this.#userTurn) return [system, this.#join(this.#userTurn ?? [])];
    return this.#prompt && [this.#join([this.#prompt])];
  }

  scalar(kind: Kind, start: number, end: number): void {
    const isString = this.#bytes[start] === QUOTE;
    switch (kind.what) {
      case 'scalar':
        if (kind.name === 'model') this.modelRange = [start, end];
        this.containers.delete(kind.name);
        this.values[kind.name] = this.#read(start, end);
        return;
      case 'role':
        this.#role = isString ? this.#readText([start + 1, end - 1], MAX_TEXT_BYTES) : '';
        return;
      case 'prompt':
        this.#prompt = isString ? [start + 1, end - 1] : undefined;
        return;
      case 'content':
        this.#content = isString ? [[start + 1, end - 1]] : [];
        return;
      case 'system':
        this.#system = isString ? [[start + 1, end - 1]] : [];
        return;
      case 'contentText':
        this.#content[this.#content.length - 1] = isString ? [start + 1, end - 1] : [0, 0];
        return;
      case 'systemText':
        this.#system[this.#system.length - 1] = isString ? [start + 1, end - 1] : [0, 0];
        return;
      case 'root':
      case 'parent':
      case 'messages':
      case 'message':
      case 'contentPart':
      case 'systemPart':
        // The last duplicate is not a container, so the values of an earlier one do not count.
        this.open(kind);
    }
  }

  open(kind: Kind): boolean {
    switch (kind.what) {
      case 'scalar':
        delete this.values[kind.name];
        if (kind.name === 'model') this.modelRange = undefined;
        this.containers.add(kind.name);
        return false;
      case 'parent':
        for (const name of kind.names) {
          delete this.values[name];
          this.containers.delete(name);
        }
        return true;
      case 'messages':
        this.#systemTurns = [];
        this.#userTurn = undefined;
        return true;
      case 'message':
        this.#role = '';
        this.#content = [];
        // Later turns must not change the key while a conversation grows.
        return this.#userTurn === undefined;
      case 'content':
        this.#content = [];
        return true;
      case 'system':
        this.#system = [];
        return true;
      case 'contentPart':
        this.#content.push([0, 0]);
        return true;
      case 'systemPart':
        this.#system.push([0, 0]);
        return true;
      case 'contentText':
        this.#content[this.#content.length - 1] = [0, 0];
        return false;
      case 'systemText':
        this.#system[this.#system.length - 1] = [0, 0];
        return false;
      case 'role':
        this.#role = '';
        return false;
      case 'root':
      case 'prompt':
        return true;
      default:
        return kind satisfies never;
    }
  }

  close(kind: Kind, start: number, end: number): void {
    if (kind.what === 'prompt') {
      // A list of prompts or of token ids is identified by its JSON text.
      this.#prompt = this.#bytes[start] === OPEN_BRACKET ? [start, end] : undefined;
    } else if (kind.what === 'message') {
      if (this.#role === 'user') this.#userTurn = this.#content;
      if (this.#role === 'system' || this.#role === 'developer')
        this.#systemTurns.push(...this.#content);
    }
  }

  #read(start: number, end: number): JsonScalar {
    if (this.#bytes[start] === QUOTE) return this.#readText([start + 1, end - 1], MAX_SCALAR_BYTES);
    const value: unknown = JSON.parse(decoder.decode(this.#bytes.subarray(start, end)));
    return typeof value === 'number' || typeof value === 'boolean' ? value : null;
  }

  #join(texts: readonly ByteRange[]): Uint8Array {
    const [only] = texts;
    if (only && texts.length === 1) return this.#readPart(only, MAX_TEXT_BYTES);
    const parts: Uint8Array[] = [];
    let left = MAX_TEXT_BYTES;
    for (const range of texts) {
      const part = this.#readPart(range, left);
      left -= part.length;
      parts.push(part);
    }
    return parts.length === 0 ? NO_TEXT : Buffer.concat(parts);
  }

  #readPart(range: ByteRange, maxBytes: number): Uint8Array {
    const [start, end] = range;
    const isList = this.#bytes[start] === OPEN_BRACKET && this.#bytes[start - 1] !== QUOTE;
    return isList
      ? this.#bytes.subarray(start, Math.min(end, start + maxBytes))
      : readStringBytes(this.#bytes, range, maxBytes);
  }

  #readText(range: ByteRange, maxBytes: number): string {
    try {
      return readStringText(this.#bytes, range, maxBytes);
    } catch (error) {
      throw new CortexError(
        'malformed_json',
        `The body is not valid JSON: the string at byte ${range[0] - 1} contains a control character or an invalid escape.`,
        { cause: error },
      );
    }
  }
}
