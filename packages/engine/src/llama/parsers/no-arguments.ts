import type { CallableTool } from '../../grammar/answer-grammar.ts';
import { hasNoParameters } from '../../grammar/callable-tool.ts';
import type { AnswerEnd, OutputDelta, OutputParser } from './output-parser.ts';

/** Replaces the arguments of calls of tools without parameters by `{}`. */
export class NoArguments implements OutputParser {
  readonly #inner: OutputParser;
  /** Names of the tools without parameters. */
  readonly #names: ReadonlySet<string>;
  /** Positions of the calls of such tools. */
  readonly #calls = new Set<number>();

  constructor(inner: OutputParser, tools: readonly CallableTool[]) {
    this.#inner = inner;
    this.#names = new Set(tools.filter(hasNoParameters).map(({ name }) => name));
  }

  get isReasoning(): boolean {
    return this.#inner.isReasoning;
  }

  get toolCalls(): number {
    return this.#inner.toolCalls;
  }

  get isCallCut(): boolean {
    return this.#inner.isCallCut;
  }

  push(text: string): readonly OutputDelta[] {
    return this.#emptied(this.#inner.push(text));
  }

  end(how: AnswerEnd): readonly OutputDelta[] {
    return this.#emptied(this.#inner.end(how));
  }

  #emptied(deltas: readonly OutputDelta[]): readonly OutputDelta[] {
    if (this.#names.size === 0) return deltas;
    return deltas.flatMap((delta): readonly OutputDelta[] => {
      if (!('tool' in delta)) return [delta];
      const { index, name } = delta.tool;
      if (this.#calls.has(index)) return [];
      if (name === undefined || !this.#names.has(name)) return [delta];
      this.#calls.add(index);
      return [{ tool: { ...delta.tool, arguments: '{}' } }];
    });
  }
}
