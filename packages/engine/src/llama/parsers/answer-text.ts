import type { ToolCallDelta } from '../../engine/generate.ts';
import type { CallableTool } from '../../grammar/answer-grammar.ts';
import type { AnswerEnd, OutputDelta, OutputParser } from './output-parser.ts';
import type { LaterMarkers } from './later-markers.ts';

/**
 * How a family parses an answer, as a generator that can wait for more text.
 *
 * A script reads one character at a time (`text.more`), so its decisions cannot depend on the chunking of the text.
 */
export type AnswerScript = (text: AnswerText) => Script<void>;
export type Script<T> = Generator<void, T, void>;

/** What a script knows about the calls of an answer. */
export interface AnswerSyntax {
  readonly newCallId: () => string;
  /** Texts that the family writes around and within calls. A marker after a quote shows that the quote ends its string. */
  readonly markers?: readonly string[];
  /** Texts that the family writes at the end of calls. Further ones right after a call are dropped. */
  readonly closers?: readonly string[];
  /** The offered tools. */
  readonly tools?: readonly CallableTool[];
}

export interface LaterReasoning {
  readonly markers: LaterMarkers;
  /** Reads reasoning whose opening marker is held. */
  readonly read: AnswerScript;
}

/** A parser that runs `script`. */
export class ScriptedParser implements OutputParser {
  readonly #text: AnswerText;
  readonly #run: Script<void>;

  constructor(script: AnswerScript, syntax: AnswerSyntax) {
    this.#text = new AnswerText(syntax);
    this.#run = script(this.#text);
    // Runs until it needs text, because the parser must know before the first token whether the answer starts in
    // reasoning.
    this.#run.next();
  }

  get isReasoning(): boolean {
    return this.#text.isReasoning;
  }

  get toolCalls(): number {
    return this.#text.toolCalls;
  }

  get isCallCut(): boolean {
    return this.#text.isCallCut;
  }

  push(text: string): readonly OutputDelta[] {
    this.#text.feed(text);
    this.#run.next();
    return this.#text.takeDeltas();
  }

  end(how: AnswerEnd): readonly OutputDelta[] {
    this.#text.end(how);
    this.#run.next();
    return this.#text.takeDeltas();
  }
}

/** The state of an answer during parsing: text that is held until its meaning is known, and the deltas of the rest. */
export class AnswerText {
  readonly syntax: Required<AnswerSyntax>;
  /** Text that arrived and is not taken: held before `#at`, unread after it. */
  #text = '';
  #at = 0;
  /** Length of the taken text. */
  #taken = 0;
  #lastTaken = '';
  #end: AnswerEnd | undefined;
  #deltas: OutputDelta[] = [];
  #toolCalls = 0;
  #isCallCut = false;
  #calledTool: CallableTool | undefined;
  /** Arguments that are held until text before them is known, the innermost last. */
  readonly #heldArguments: string[] = [];
  /** Whether the text being read is reasoning. */
  isReasoning = false;
  /** Whether the last delta belongs to a call. */
  isAfterCall = false;
  /** The reasoning that may follow after the start of an answer; set after the start. */
  later: LaterReasoning | undefined;

  constructor({ newCallId, markers = [], closers = [], tools = [] }: AnswerSyntax) {
    this.syntax = { newCallId, markers, closers, tools };
  }

  /** Text that is read and not taken. */
  get held(): string {
    return this.#text.slice(0, this.#at);
  }

  /** The character before the held text; empty at the start of the answer. */
  get charBefore(): string {
    return this.#lastTaken;
  }

  /** The held text from index `start`, without copying the rest. */
  heldFrom(start: number): string {
    return this.#text.slice(start, this.#at);
  }

  /** Whether the held text ends with `marker`, without copying it. */
  endsWith(marker: string): boolean {
    return this.#at >= marker.length && this.#text.startsWith(marker, this.#at - marker.length);
  }

  get toolCalls(): number {
    return this.#toolCalls;
  }

  get isCallCut(): boolean {
    return this.#isCallCut;
  }

  /** The answer was cut off before the model ended it. */
  get isCutOff(): boolean {
    return this.#end === 'cut';
  }

  feed(text: string): void {
    this.#text += text;
  }

  end(how: AnswerEnd): void {
    this.#end = how;
  }

  /** Reads one more character into the held text; false at the end of the answer. */
  *more(): Script<boolean> {
    for (;;) {
      const code = this.#text.codePointAt(this.#at);
      const isHalf = code !== undefined && code >= 0xd800 && code <= 0xdbff;
      if (code !== undefined && (!isHalf || this.#end !== undefined)) {
        this.#at += code > 0xffff ? 2 : 1;
        return true;
      }
      if (this.#end !== undefined) return false;
      yield;
    }
  }

  /** Takes the first `length` held characters, by default all. */
  take(length = this.#at): string {
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    this.#at -= length;
    this.#taken += length;
    this.#lastTaken = taken.at(-1) ?? this.#lastTaken;
    return taken;
  }

  /** Takes the first `read` held characters and makes the rest unread. */
  reread(read = 0): void {
    this.take(read);
    this.#at = 0;
  }

  /** Emits `text`, the end of the text taken last, as content. */
  content(text: string): void {
    if (text === '') return;
    this.later?.markers.addContent(text);
    this.#add({ text, at: Math.max(0, this.#taken - text.length) });
  }

  reasoning(text: string): void {
    if (text !== '') this.#add({ reasoning: text });
  }

  beginCall(name: string, whole = ''): void {
    const index = this.#toolCalls++;
    const call = { index, id: this.syntax.newCallId(), name };
    this.#calledTool = this.toolNamed(name);
    this.isAfterCall = true;
    this.#deltas.push({ tool: whole === '' ? call : { ...call, arguments: whole } });
  }

  /** The offered tool with this name. */
  toolNamed(name: string): CallableTool | undefined {
    return this.syntax.tools.find((tool) => tool.name === name);
  }

  /** The tool of the last call; undefined if it was not offered. */
  get calledTool(): CallableTool | undefined {
    return this.#calledTool;
  }

  /** Emits the next piece of the arguments of the last call. */
  callArguments(text: string): void {
    const held = this.#heldArguments.pop();
    if (held !== undefined) this.#heldArguments.push(held + text);
    else if (text !== '') this.#add({ tool: { index: this.#toolCalls - 1, arguments: text } });
  }

  /** Holds the arguments emitted from now on until `releaseArguments`. Calls may be nested. */
  holdArguments(): void {
    this.#heldArguments.push('');
  }

  /** Emits the arguments held since the last `holdArguments`, after `before`. */
  releaseArguments(before: string): void {
    const held = this.#heldArguments.pop() ?? '';
    this.callArguments(before + held);
  }

  /**
   * The answer ends within the arguments of its last call. `closers` complete the JSON; they are emitted if the model
   * ended its answer, and not if the answer was cut off.
   *
   * @param place - Where the answer ends. A call that ends within a value is incomplete even if the model ended its
   *   answer there.
   */
  endCall(closers: string, place: 'in a value' | 'between values'): void {
    if (this.#end === 'finished') this.callArguments(closers);
    this.#isCallCut = this.#end !== 'finished' || place === 'in a value';
  }

  takeDeltas(): readonly OutputDelta[] {
    const deltas = this.#deltas;
    this.#deltas = [];
    return deltas;
  }

  /** Merges adjacent deltas. */
  #add(delta: OutputDelta): void {
    this.isAfterCall = 'tool' in delta;
    const last = this.#deltas.at(-1);
    const joined = last === undefined ? undefined : join(last, delta);
    if (joined === undefined) this.#deltas.push(delta);
    else this.#deltas[this.#deltas.length - 1] = joined;
  }
}

function join(a: OutputDelta, b: OutputDelta): OutputDelta | undefined {
  if ('text' in a && 'text' in b && a.at + a.text.length === b.at)
    return { text: a.text + b.text, at: a.at };
  if ('reasoning' in a && 'reasoning' in b) return { reasoning: a.reasoning + b.reasoning };
  if ('tool' in a && 'tool' in b && b.tool.name === undefined)
    return { tool: joinCalls(a.tool, b.tool) };
  return undefined;
}

const joinCalls = (a: ToolCallDelta, b: ToolCallDelta): ToolCallDelta => ({
  ...a,
  arguments: (a.arguments ?? '') + (b.arguments ?? ''),
});
