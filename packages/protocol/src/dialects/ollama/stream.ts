import type { CortexError } from '../../errors.ts';
import type { JsonObject } from '../../json/json-object.ts';
import type { AnswerFacts } from '../dialect.ts';
import type { AnswerEvent } from '../neutral/answer-event.ts';
import { AnswerReader } from '../neutral/read-answer.ts';
import { type StreamWriter, TranslatedStream } from '../neutral/translated-stream.ts';
import { renderOllamaErrorLine } from './errors.ts';
import type { OllamaAnswerOptions } from './node-answer.ts';
import { toOllamaRefusal } from './refusal.ts';
import { OllamaAnswerWriter } from './write-answer.ts';
import { toLine } from './write-line.ts';

/** Media type of a streamed answer. */
export const OLLAMA_STREAM_TYPE = 'application/x-ndjson';

/** Writes one JSON object a line. */
class LineWriter implements StreamWriter {
  readonly #requestId: string;
  readonly #writer: OllamaAnswerWriter;
  readonly #timings: OllamaAnswerOptions['timings'];

  constructor(facts: AnswerFacts, { form, timings }: OllamaAnswerOptions) {
    this.#requestId = facts.requestId;
    this.#writer = new OllamaAnswerWriter(facts, form);
    this.#timings = timings;
  }

  /** A stream of this API has no beginning of its own. */
  begin(): string {
    return '';
  }

  ping(): string {
    return toLine(this.#writer.empty());
  }

  write(event: Exclude<AnswerEvent, { kind: 'error' }>): string {
    if (event.kind === 'finish')
      return toLine(this.#writer.last(event.finish, event.usage, this.#timings()));
    const part = this.#writer.part(event);
    return part === undefined ? '' : toLine(part);
  }

  fail(error: CortexError, nodeError: JsonObject | undefined): string {
    return nodeError === undefined
      ? renderOllamaErrorLine(error, this.#requestId)
      : toLine(toOllamaRefusal(nodeError));
  }
}

/** The answer of a streamed `/api/chat` or `/api/generate`. */
export const ollamaStream = (facts: AnswerFacts, options: OllamaAnswerOptions): TranslatedStream =>
  new TranslatedStream(new AnswerReader(options.newCallId), new LineWriter(facts, options));
