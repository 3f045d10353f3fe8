import type { ToolCallDelta } from '../../engine.ts';
import type { OutputDelta, OutputParser } from './output-parser.ts';

/**
 * How a family reads an answer, written as if the text could be waited for.
 *
 * A script sees one character more at a time (`text.more`), whatever pieces the text came in: what it decides can not
 * depend on where the text was cut.
 */
export type AnswerScript = (text: AnswerText) => Script<void>;
export type Script<T> = Generator<void, T, void>;

/** A parser that runs `script`. */
export class ScriptedParser implements OutputParser {
  readonly #text: AnswerText;
  readonly #run: Script<void>;

  constructor(script: AnswerScript, newCallId: () => string) {
    this.#text = new AnswerText(newCallId);
    this.#run = script(this.#text);
  }

  get isReasoning(): boolean {
    return this.#text.isReasoning;
  }

  get toolCalls(): number {
    return this.#text.toolCalls;
  }

  push(text: string): readonly OutputDelta[] {
    this.#text.feed(text);
    this.#run.next();
    return this.#text.takeDeltas();
  }

  end(): readonly OutputDelta[] {
    this.#text.end();
    this.#run.next();
    return this.#text.takeDeltas();
  }
}

/** An answer while it is read: what was read and not yet understood, and what was made of the rest. */
export class AnswerText {
  readonly #newCallId: () => string;
  /** What came and was not handed out: held before `#at`, to be read behind it. */
  #text = '';
  #at = 0;
  #isEnded = false;
  #deltas: OutputDelta[] = [];
  #toolCalls = 0;
  /** Whether what is being read is reasoning. */
  isReasoning = false;

  constructor(newCallId: () => string) {
    this.#newCallId = newCallId;
  }

  /** Read and not yet handed out. */
  get held(): string {
    return this.#text.slice(0, this.#at);
  }

  get toolCalls(): number {
    return this.#toolCalls;
  }

  feed(text: string): void {
    this.#text += text;
  }

  end(): void {
    this.#isEnded = true;
  }

  /** Holds one character more; false when the answer has ended. */
  *more(): Script<boolean> {
    for (;;) {
      const code = this.#text.codePointAt(this.#at);
      if (code !== undefined) {
        this.#at += code > 0xffff ? 2 : 1;
        return true;
      }
      if (this.#isEnded) return false;
      yield;
    }
  }

  /** The first `length` characters held (all of them by default), no longer held. */
  take(length = this.#at): string {
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    this.#at -= length;
    return taken;
  }

  /** What is held, but for its first `read` characters, will be read once more. Those are taken. */
  reread(read = 0): void {
    this.take(read);
    this.#at = 0;
  }

  content(text: string): void {
    if (text !== '') this.#add({ text });
  }

  reasoning(text: string): void {
    if (text !== '') this.#add({ reasoning: text });
  }

  beginCall(name: string, whole = ''): void {
    const index = this.#toolCalls++;
    const call = { index, id: this.#newCallId(), name };
    this.#deltas.push({ tool: whole === '' ? call : { ...call, arguments: whole } });
  }

  /** A further piece of the arguments of the call begun last. */
  callArguments(text: string): void {
    if (text !== '') this.#add({ tool: { index: this.#toolCalls - 1, arguments: text } });
  }

  takeDeltas(): readonly OutputDelta[] {
    const deltas = this.#deltas;
    this.#deltas = [];
    return deltas;
  }

  /** Characters that come together go out together. */
  #add(delta: OutputDelta): void {
    const last = this.#deltas.at(-1);
    const joined = last === undefined ? undefined : join(last, delta);
    if (joined === undefined) this.#deltas.push(delta);
    else this.#deltas[this.#deltas.length - 1] = joined;
  }
}

function join(a: OutputDelta, b: OutputDelta): OutputDelta | undefined {
  if ('text' in a && 'text' in b) return { text: a.text + b.text };
  if ('reasoning' in a && 'reasoning' in b) return { reasoning: a.reasoning + b.reasoning };
  if ('tool' in a && 'tool' in b && b.tool.name === undefined)
    return { tool: joinCalls(a.tool, b.tool) };
  return undefined;
}

const joinCalls = (a: ToolCallDelta, b: ToolCallDelta): ToolCallDelta => ({
  ...a,
  arguments: (a.arguments ?? '') + (b.arguments ?? ''),
});
