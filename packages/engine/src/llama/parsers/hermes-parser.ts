import { JsonObjectScanner } from './json-object-scanner.ts';
import { type OutputDelta, type OutputParser, partialMarker } from './output-parser.ts';

const OPEN = '<tool_call>';
const CLOSE = '</tool_call>';

/** The head of a call whose arguments can be streamed: name first, then the start of an object. */
const HEAD =
  /^\s*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)/;

type Phase =
  | 'content'
  /** Within a call, before its head is complete. */
  | 'head'
  /** Within the arguments, which go out as they come. */
  | 'arguments'
  /** Behind the arguments, before the closing marker. */
  | 'tail';

/**
 * Tool calls as Hermes and Qwen write them: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.
 *
 * Arguments are streamed once the name is known. A call that cannot be read comes back as content, markers included.
 */
export class HermesParser implements OutputParser {
  readonly isReasoning = false;
  readonly #newCallId: () => string;
  #phase: Phase = 'content';
  #held = '';
  #calls = 0;
  #scanner = new JsonObjectScanner();

  constructor(newCallId: () => string) {
    this.#newCallId = newCallId;
  }

  get toolCalls(): number {
    return this.#calls;
  }

  push(text: string): readonly OutputDelta[] {
    this.#held += text;
    const out: OutputDelta[] = [];
    while (this.#advance(out));
    return out;
  }

  end(): readonly OutputDelta[] {
    const out: OutputDelta[] = [];
    if (this.#phase === 'head') this.#finishCall(out, '');
    else if (this.#phase !== 'tail')
      this.#content(out, this.#calls > 0 ? this.#held.trimEnd() : this.#held);
    this.#held = '';
    return out;
  }

  #advance(out: OutputDelta[]): boolean {
    switch (this.#phase) {
      case 'content':
        return this.#findCall(out);
      case 'head':
        return this.#readHead(out);
      case 'arguments':
        return this.#readArguments(out);
      case 'tail':
        return this.#readTail();
    }
  }

  #findCall(out: OutputDelta[]): boolean {
    const at = this.#held.indexOf(OPEN);
    if (at >= 0) {
      // White space between content and a call, or between two calls, belongs to the markers.
      this.#content(out, this.#held.slice(0, at).trimEnd());
      this.#held = this.#held.slice(at + OPEN.length);
      this.#phase = 'head';
      return true;
    }
    const settled = this.#held
      .slice(0, this.#held.length - partialMarker(this.#held, OPEN))
      .trimEnd();
    this.#content(out, settled);
    this.#held = this.#held.slice(settled.length);
    return false;
  }

  #readHead(out: OutputDelta[]): boolean {
    const head = HEAD.exec(this.#held);
    const name = head === null ? undefined : parseJson(head[1] ?? '');
    if (head !== null && typeof name === 'string') {
      this.#begin(out, { name });
      this.#held = this.#held.slice(head[0].length);
      this.#scanner = new JsonObjectScanner();
      this.#phase = 'arguments';
      return true;
    }
    const close = this.#held.indexOf(CLOSE);
    if (close < 0) return false;
    const rest = this.#held.slice(close + CLOSE.length);
    this.#held = this.#held.slice(0, close);
    this.#finishCall(out, CLOSE);
    this.#held = rest;
    this.#phase = 'content';
    return true;
  }

  /** A whole call in any other order of members; else its text as content. */
  #finishCall(out: OutputDelta[], close: string): void {
    const call = readCall(this.#held);
    if (call === undefined) this.#content(out, `${OPEN}${this.#held}${close}`);
    else this.#begin(out, call);
  }

  #readArguments(out: OutputDelta[]): boolean {
    const length = this.#scanner.scan(this.#held);
    if (length > 0)
      out.push({ tool: { index: this.#calls - 1, arguments: this.#held.slice(0, length) } });
    this.#held = this.#held.slice(length);
    if (!this.#scanner.isDone) return false;
    this.#phase = 'tail';
    return true;
  }

  #readTail(): boolean {
    // Spare braces and white space are noise; anything else means that the closing marker was forgotten.
    this.#held = this.#held.replace(/^[\s}]+/, '');
    if (this.#held.startsWith(CLOSE)) this.#held = this.#held.slice(CLOSE.length);
    else if (CLOSE.startsWith(this.#held)) return false;
    this.#phase = 'content';
    return true;
  }

  #begin(out: OutputDelta[], call: { readonly name: string; readonly arguments?: string }): void {
    out.push({ tool: { index: this.#calls++, id: this.#newCallId(), ...call } });
  }

  #content(out: OutputDelta[], text: string): void {
    if (text !== '') out.push({ text });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readCall(text: string): { name: string; arguments: string } | undefined {
  const call = parseJson(text);
  if (
    typeof call !== 'object' ||
    call === null ||
    !('name' in call) ||
    typeof call.name !== 'string'
  )
    return undefined;
  const given: unknown =
    'arguments' in call ? call.arguments : 'parameters' in call ? call.parameters : {};
  if (typeof given === 'string') return { name: call.name, arguments: given };
  if (typeof given !== 'object') return undefined;
  return { name: call.name, arguments: JSON.stringify(given ?? {}) };
}
