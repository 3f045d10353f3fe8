/** Where the parts of a chat body are that may have to change, found without parsing it. */
import {
  type ByteRange,
  type Interest,
  JsonScanner,
  memberInterest,
  type ScanListener,
  SLICE_BYTES,
  yieldToEventLoop,
} from '@cortex/protocol';

/** A turn of `messages`. */
export interface TurnOutline {
  readonly range: ByteRange;
  /** Empty if it is not a short string. */
  readonly role: string;
  /** The value of `role`, quotes included. */
  readonly roleRange: ByteRange | undefined;
  /** Its content as a string, quotes included, or as a list of parts, brackets included; absent: neither. */
  readonly content: TurnContent | undefined;
}

export interface TurnContent {
  readonly kind: 'text' | 'parts';
  readonly range: ByteRange;
}

export interface ChatOutline {
  /** The values of the wanted members; all of them where a name is repeated, the last of which counts. */
  readonly members: ReadonlyMap<string, readonly ByteRange[]>;
  /** Names of members of `chat_template_kwargs`. */
  readonly variables: ReadonlySet<string>;
  /** Empty if there are more than `MAX_TURNS`. */
  readonly turns: readonly TurnOutline[];
}

/** Each takes memory; no conversation has so many. */
const MAX_TURNS = 100_000;
/** No role and no effort is longer. */
const MAX_WORD_BYTES = 64;
const QUOTE = 0x22;

export const TEMPLATE_VARIABLES = 'chat_template_kwargs';

type Kind =
  | { readonly what: 'root' | 'messages' | 'turn' | 'role' | 'content' }
  | { readonly what: 'member' | 'variable'; readonly name: string };

const decoder = new TextDecoder();

/** A short string; undefined: it is something else. */
export function readWord(bytes: Uint8Array, [start, end]: ByteRange): string | undefined {
  if (bytes[start] !== QUOTE || end - start > MAX_WORD_BYTES) return undefined;
  const text = decoder.decode(bytes.subarray(start, end));
  // Parsing each role of a long conversation would take too long.
  if (!text.includes('\\')) return text.slice(1, -1);
  try {
    return String(JSON.parse(text));
  } catch {
    // An invalid escape: the server judges it.
    return undefined;
  }
}

const value = (what: 'member' | 'variable', name: string): Interest<Kind> => ({
  kind: { what, name },
});

function interestFor(members: readonly string[], variables: readonly string[]): Interest<Kind> {
  return {
    kind: { what: 'root' },
    members: [
      ...members.map((name) => memberInterest(name, value('member', name))),
      memberInterest(TEMPLATE_VARIABLES, {
        ...value('member', TEMPLATE_VARIABLES),
        members: variables.map((name) => memberInterest(name, value('variable', name))),
      }),
      memberInterest<Kind>('messages', {
        kind: { what: 'messages' },
        element: {
          kind: { what: 'turn' },
          members: [
            memberInterest<Kind>('role', { kind: { what: 'role' } }),
            memberInterest<Kind>('content', { kind: { what: 'content' } }),
          ],
        },
      }),
    ],
  };
}

class OutlineListener implements ScanListener<Kind> {
  readonly members = new Map<string, ByteRange[]>();
  readonly variables = new Set<string>();
  #turns: TurnOutline[] = [];
  #hasTooMany = false;
  #roleRange: ByteRange | undefined;
  #content: TurnContent | undefined;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get turns(): readonly TurnOutline[] {
    return this.#hasTooMany ? [] : this.#turns;
  }

  scalar(kind: Kind, start: number, end: number): void {
    const range: ByteRange = [start, end];
    const isText = this.#bytes[start] === QUOTE;
    switch (kind.what) {
      case 'role':
        this.#roleRange = range;
        return;
      case 'content':
        this.#content = isText ? { kind: 'text', range } : undefined;
        return;
      case 'member':
        if (kind.name === TEMPLATE_VARIABLES) this.variables.clear();
        this.#addMember(kind.name, range);
        return;
      case 'variable':
        this.variables.add(kind.name);
        return;
      case 'messages':
        this.#turns = [];
        return;
      case 'turn':
        // Not a turn: its role is unknown, as that of a turn without one.
        if (this.open(kind)) this.close(kind, start, end);
        return;
      case 'root':
    }
  }

  open(kind: Kind): boolean {
    if (kind.what === 'messages') {
      this.#turns = [];
      this.#hasTooMany = false;
    } else if (kind.what === 'turn') {
      this.#hasTooMany ||= this.#turns.length === MAX_TURNS;
      this.#roleRange = undefined;
      this.#content = undefined;
      return !this.#hasTooMany;
    } else if (kind.what === 'member' && kind.name === TEMPLATE_VARIABLES) this.variables.clear();
    return true;
  }

  close(kind: Kind, start: number, end: number): void {
    const range: ByteRange = [start, end];
    switch (kind.what) {
      case 'content':
        this.#content = this.#bytes[start] === 0x5b ? { kind: 'parts', range } : undefined;
        return;
      case 'role':
        this.#roleRange = undefined;
        return;
      case 'turn': {
        const roleRange = this.#roleRange;
        const role = (roleRange && readWord(this.#bytes, roleRange)) ?? '';
        this.#turns.push({ range, role, roleRange, content: this.#content });
        return;
      }
      case 'member':
        this.#addMember(kind.name, range);
        return;
      case 'variable':
        this.variables.add(kind.name);
        return;
      case 'root':
      case 'messages':
    }
  }

  #addMember(name: string, range: ByteRange): void {
    const ranges = this.members.get(name) ?? [];
    if (ranges.length === 0) this.members.set(name, ranges);
    ranges.push(range);
  }
}

/**
 * Scans a JSON object in slices.
 *
 * @param names - The members that are wanted, besides `chat_template_kwargs`, and the variables in that.
 * @throws CortexError `malformed_json`
 */
export async function readChatOutline(
  bytes: Uint8Array,
  names: { readonly members: readonly string[]; readonly variables: readonly string[] },
): Promise<ChatOutline> {
  const listener = new OutlineListener(bytes);
  const scanner = new JsonScanner(bytes, interestFor(names.members, names.variables), listener);
  while (!scanner.scan(scanner.position + SLICE_BYTES)) await yieldToEventLoop();
  const { members, variables, turns } = listener;
  return { members, variables, turns };
}
