import type { AnswerText, Script } from '../answer-text.ts';
import { partialMarker } from '../output-parser.ts';
import { readArguments } from '../named-arguments.ts';
import { isTooLong, skipBrackets } from '../script-steps.ts';
import type { ReasoningState } from './tool-family.ts';

const MESSAGE = '<|message|>';
/** Markers that end a message. The last two also end the answer, and are visible only with `ignore_eos`. */
const ENDS = ['<|end|>', '<|call|>', '<|return|>'];
const BREAKS = [...ENDS, '<|start|>', '<|channel|>'];
const OPENERS = ['<|start|>', '<|channel|>', 'to='];
/** Complete markers, perhaps an incomplete last one, and names and `to=` between them. */
const HEADER_START = /^(?:[\w\s.:=/-]|<\|(?:start|channel|constrain|message)\|>|<(?:\|\w*\|?)?$)*$/;

export interface HarmonyRequest {
  /** Names of the offered tools. */
  readonly names: ReadonlySet<string>;
  readonly reasoning: ReasoningState;
}

interface Header {
  readonly channel: string | undefined;
  readonly recipient: string | undefined;
}

/**
 * An answer as messages in channels: `analysis` is reasoning, `final` and `commentary` are content, and a message to
 * `functions.name` is a call. The prompt ends with `<|start|>assistant`.
 *
 * Text that cannot be parsed (another kind of header, a message to a tool that was not offered) is unchanged content.
 */
export function* readHarmony(text: AnswerText, request: HarmonyRequest): Script<void> {
  const messages = new Messages(text);
  if (request.reasoning === 'inside') yield* messages.read('reasoning');
  if (request.reasoning === 'closed') yield* messages.read('content');
  while (yield* text.more()) {
    const header = yield* readHeader(text);
    if (header === 'cut short') {
      text.take();
      return;
    }
    const name = header && calledName(header, request.names);
    if (name !== undefined && (yield* readCall(text, name))) continue;
    const kind = header && name === undefined ? kindOf(header) : undefined;
    if (kind === undefined) text.content(text.take());
    else {
      text.take();
      messages.separate(kind);
    }
    yield* messages.read(kind ?? 'content');
  }
}

/**
 * Reads the header of a message from its held first character; all of it stays held. Undefined: it is not a header. If
 * the answer ends within the header, the message is missing and the header is dropped.
 */
function* readHeader(text: AnswerText): Script<Header | 'cut short' | undefined> {
  do {
    const held = text.held.trimStart();
    if (held.endsWith(MESSAGE)) return parseHeader(held);
    const isOpened = OPENERS.some((one) => one.startsWith(held) || held.startsWith(one));
    if (!isOpened || isTooLong(text) || !HEADER_START.test(held)) return undefined;
  } while (yield* text.more());
  return text.held.trimStart().startsWith('<|') ? 'cut short' : undefined;
}

/** `<|start|>assistant to=functions.name<|channel|>commentary <|constrain|>json<|message|>`, in any order. */
function parseHeader(header: string): Header | undefined {
  if (/<\|start\|>(?!\s*assistant\b)/.test(header)) return undefined;
  const channel = Array.from(header.matchAll(/<\|channel\|>\s*(\w+)/g)).at(-1)?.[1];
  const recipients = Array.from(header.matchAll(/\bto=([^\s<]+)/g), (match) => match[1]);
  // The assistant as recipient has no meaning.
  const recipient = recipients.findLast((one) => one !== 'assistant' && one !== 'user');
  return { channel, recipient };
}

/** The tool that a message calls; undefined if it calls none, or uses a bare name that is not offered. */
function calledName({ recipient }: Header, names: ReadonlySet<string>): string | undefined {
  if (recipient === undefined || names.size === 0) return undefined;
  if (recipient.startsWith('functions.')) return recipient.slice('functions.'.length) || undefined;
  return names.has(recipient) ? recipient : undefined;
}

function kindOf({ channel, recipient }: Header): 'reasoning' | 'content' | undefined {
  if (recipient !== undefined) return undefined;
  if (channel === 'analysis') return 'reasoning';
  return channel === undefined || channel === 'final' || channel === 'commentary'
    ? 'content'
    : undefined;
}

/** Reads the arguments after a held header. False: there are none, and the text read is held. */
function* readCall(text: AnswerText, name: string): Script<boolean> {
  const at = text.held.length;
  const read = yield* readArguments(text, { name, at, ends: BREAKS });
  if (read !== 'whole') return read === 'cut';
  yield* skipBrackets(text, BREAKS);
  while (yield* text.more()) {
    const end = ENDS.find((marker) => text.held.trimStart() === marker);
    if (end !== undefined) {
      // Some models write the marker twice.
      text.take();
      continue;
    }
    if (BREAKS.some((marker) => marker.startsWith(text.held.trimStart()))) continue;
    text.reread();
    return true;
  }
  text.take();
  return true;
}

/** The texts of consecutive messages. */
class Messages {
  readonly #text: AnswerText;
  readonly #written = new Set<'reasoning' | 'content'>();
  #needsGap = false;

  constructor(text: AnswerText) {
    this.#text = text;
  }

  /** Starts a new message: separates it with an empty line if there is text before. */
  separate(kind: 'reasoning' | 'content'): void {
    this.#needsGap = this.#written.has(kind);
  }

  /** Emits the text of one message, up to its end or to the header of the next, which stays unread. */
  *read(kind: 'reasoning' | 'content'): Script<void> {
    const text = this.#text;
    text.isReasoning = kind === 'reasoning';
    for (;;) {
      const end = BREAKS.find((marker) => text.held.endsWith(marker));
      const partial = Math.max(...BREAKS.map((marker) => partialMarker(text.held, marker)));
      this.#write(kind, text.take(text.held.length - (end?.length ?? partial)));
      if (end !== undefined) {
        if (ENDS.includes(end)) text.take();
        else text.reread();
        break;
      }
      if (yield* text.more()) continue;
      this.#write(kind, text.take());
      break;
    }
    text.isReasoning = false;
  }

  #write(kind: 'reasoning' | 'content', piece: string): void {
    if (piece === '') return;
    const gap = this.#needsGap ? '\n\n' : '';
    this.#needsGap = false;
    this.#written.add(kind);
    if (kind === 'reasoning') this.#text.reasoning(gap + piece);
    else this.#text.content(gap + piece);
  }
}
