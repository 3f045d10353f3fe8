import type { AnswerText, Script } from '../answer-text.ts';
import { partialMarker } from '../output-parser.ts';
import { streamObject } from '../json-arguments.ts';
import { isTooLong, MAX_HEAD_CHARS } from '../script-steps.ts';
import type { ReasoningState } from './tool-family.ts';

const MESSAGE = '<|message|>';
/** End a message; the last two end the answer as well, and show only where a request has that switched off. */
const ENDS = ['<|end|>', '<|call|>', '<|return|>'];
const BREAKS = [...ENDS, '<|start|>', '<|channel|>'];
const OPENERS = ['<|start|>', '<|channel|>', 'to='];
/** Markers whole, the last one perhaps not yet; names and `to=` between them. */
const HEADER_START = /^(?:[\w\s.:=/-]|<\|(?:start|channel|constrain|message)\|>|<(?:\|\w*\|?)?$)*$/;

export interface HarmonyRequest {
  /** Names of the tools on offer. */
  readonly names: ReadonlySet<string>;
  readonly reasoning: ReasoningState;
}

interface Header {
  readonly channel: string | undefined;
  readonly recipient: string | undefined;
}

/**
 * An answer as messages in channels: `analysis` is reasoning, `final` and `commentary` are content, what goes to
 * `functions.name` is a call. The prompt ends behind `<|start|>assistant`.
 *
 * What cannot be read (a header of another kind, a message to a tool that was not offered) is content as it is written.
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
 * The header of a message, whose first character is held and all of which stays held; undefined: it is none. One that the
 * answer ends in is the frame of a message that never came.
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
  // The model's own name as recipient says nothing.
  const recipient = recipients.findLast((one) => one !== 'assistant' && one !== 'user');
  return { channel, recipient };
}

/** The tool that a message calls; undefined where it calls none, or none on offer by a bare name. */
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

/** The arguments behind a header, which is held. False: they are none, and what was read is held. */
function* readCall(text: AnswerText, name: string): Script<boolean> {
  const start = text.held.length;
  while ((yield* text.more()) && /^\s*$/.test(text.held.slice(start)))
    if (text.held.length > start + MAX_HEAD_CHARS) return false;
  const first = text.held.slice(start).trim();
  if (first === '') {
    text.take();
    text.beginCall(name, '{}');
    return true;
  }
  if (first !== '{') return false;
  text.beginCall(name);
  text.take(text.held.length - 1);
  if (!(yield* streamObject(text))) return true;
  while (yield* text.more()) {
    const end = ENDS.find((marker) => text.held.trimStart() === marker);
    if (end !== undefined) {
      text.take();
      return true;
    }
    if (BREAKS.some((marker) => marker.startsWith(text.held.trimStart()))) continue;
    text.reread();
    return true;
  }
  text.take();
  return true;
}

/** The texts of messages, one after the other. */
class Messages {
  readonly #text: AnswerText;
  readonly #written = new Set<'reasoning' | 'content'>();
  #needsGap = false;

  constructor(text: AnswerText) {
    this.#text = text;
  }

  /** What is written next stands in a message of its own: an empty line before it, when there is something before. */
  separate(kind: 'reasoning' | 'content'): void {
    this.#needsGap = this.#written.has(kind);
  }

  /** Hands out the text of one message, to its end or to the header of the next, which will be read again. */
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
