import { type JsonScanner } from './json-scanner.ts';
import { truncateText } from './string-text.ts';
import {
  kindOfValue,
  readElements,
  readMembers,
  readText,
  skipString,
  skipValue,
  type Walk,
} from './walk.ts';

/** Bytes of UTF-8 taken of each text (behaviour 40): enough to tell conversations apart, cheap to hash. */
const MAX_TEXT_BYTES = 4096;

interface Message {
  role: string | undefined;
  text: string;
}

/**
 * Collects the text that tells conversations apart while a body is scanned: system text and first user turn of a
 * chat, or the prompt of a completion. Turns after the first of the user are passed unread, so that the text stays
 * the same while a conversation grows.
 */
export class AffinityReader {
  readonly #scanner: JsonScanner;
  #system = '';
  #messages: { system: string; user: string | undefined } = { system: '', user: undefined };
  #prompt: string | undefined;

  constructor(scanner: JsonScanner) {
    this.#scanner = scanner;
  }

  /** The text; undefined where the body has neither. */
  get text(): string | undefined {
    const system = truncateText(this.#system + this.#messages.system, MAX_TEXT_BYTES);
    const { user } = this.#messages;
    if (system === '' && user === undefined) return this.#prompt;
    return `${system}\0${user ?? ''}`;
  }

  /** The walk for a top-level member that is read here; undefined for any other. */
  walkFor(key: string | undefined): Walk<void> | undefined {
    if (key === 'messages') return this.#readMessages();
    if (key === 'system') return this.#readSystem();
    if (key === 'prompt') return this.#readPrompt();
    return undefined;
  }

  *#readMessages(): Walk<void> {
    const found: { system: string; user: string | undefined } = { system: '', user: undefined };
    this.#messages = found;
    if (kindOfValue(this.#scanner) === 'array')
      yield* readElements(this.#scanner, () => this.#readMessage(found));
    else yield* skipValue(this.#scanner);
  }

  *#readMessage(found: { system: string; user: string | undefined }): Walk<void> {
    if (found.user !== undefined || kindOfValue(this.#scanner) !== 'object')
      return yield* skipValue(this.#scanner);
    const message: Message = { role: undefined, text: '' };
    yield* readMembers(this.#scanner, (key) => this.#readMessageMember(message, key));
    if (message.role === 'user') found.user = message.text;
    if (message.role === 'system' || message.role === 'developer')
      found.system = truncateText(found.system + message.text, MAX_TEXT_BYTES);
  }

  *#readMessageMember(message: Message, key: string | undefined): Walk<void> {
    if (key === 'role' && kindOfValue(this.#scanner) === 'string')
      message.role = yield* this.#readString();
    else if (key === 'role') {
      message.role = undefined;
      yield* skipValue(this.#scanner);
    } else if (key === 'content') message.text = yield* this.#readContent();
    else yield* skipValue(this.#scanner);
  }

  *#readSystem(): Walk<void> {
    this.#system = yield* this.#readContent();
  }

  *#readPrompt(): Walk<void> {
    const scanner = this.#scanner;
    const start = scanner.position;
    const kind = kindOfValue(scanner);
    if (kind === 'string') {
      this.#prompt = yield* this.#readString();
      return;
    }
    yield* skipValue(scanner);
    // A list of prompts or of token ids: its own JSON text tells it apart as well as anything.
    const end = Math.min(scanner.position, start + MAX_TEXT_BYTES);
    this.#prompt =
      kind === 'array' ? new TextDecoder().decode(scanner.bytes.subarray(start, end)) : undefined;
  }

  /** A message's `content`: a string, or the texts of its parts joined. */
  *#readContent(): Walk<string> {
    const scanner = this.#scanner;
    const kind = kindOfValue(scanner);
    if (kind === 'string') return yield* this.#readString();
    if (kind !== 'array') {
      yield* skipValue(scanner);
      return '';
    }
    const content: { text: string } = { text: '' };
    yield* readElements(scanner, () => this.#readPart(content));
    return content.text;
  }

  *#readPart(content: { text: string }): Walk<void> {
    const scanner = this.#scanner;
    if (content.text.length >= MAX_TEXT_BYTES || kindOfValue(scanner) !== 'object')
      return yield* skipValue(scanner);
    let text = '';
    const readMember = function* (this: AffinityReader, key: string | undefined): Walk<void> {
      if (key === 'text' && kindOfValue(scanner) === 'string') text = yield* this.#readString();
      else yield* skipValue(scanner);
    };
    yield* readMembers(scanner, (key) => readMember.call(this, key));
    content.text = truncateText(content.text + text, MAX_TEXT_BYTES);
  }

  *#readString(): Walk<string> {
    return readText(this.#scanner.bytes, yield* skipString(this.#scanner), MAX_TEXT_BYTES);
  }
}
