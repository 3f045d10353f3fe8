import type { JsonObject } from '../../json/json-object.ts';
import type { CompletionUsage } from '../../openai.ts';
import type { AnswerEvent, BlockKind, Finish } from '../neutral/answer-event.ts';
import type { ResponseError } from './answer-error.ts';
import { CustomCallItem, FunctionCallItem } from './call-items.ts';
import { MessageItem } from './message-item.ts';
import type { ItemEvent, ItemStatus, OutputItem } from './output-item.ts';
import { ReasoningItem, type ReasoningForm } from './reasoning-item.ts';
import type { ResponseState } from './response-object.ts';
import type { ToolNames } from './tool-names.ts';

/** An event of a stream. */
export interface ResponseEvent extends ItemEvent {
  /** From 0, by one. */
  readonly sequence_number: number;
}

export interface WriterOptions {
  /** A part of the ids of items, which are unique in a response. */
  readonly stem: string;
  readonly names: ToolNames;
  readonly reasoning: ReasoningForm;
  readonly response: (state: ResponseState) => JsonObject;
}

/** Why an answer is not complete; undefined: it is. */
function incompleteReason({ reason }: Finish): ResponseState['incompleteReason'] {
  switch (reason) {
    case 'length':
    case 'context':
      return 'max_output_tokens';
    case 'filter':
      return 'content_filter';
    case 'stop':
    case 'refusal':
    case 'calls':
    case 'stop_sequence':
      return undefined;
  }
}

/** Writes an answer as events of this API. Each block of the answer is an item, which opens with the block. */
export class AnswerWriter {
  readonly #options: WriterOptions;
  /** Closed, as they are in the output. */
  readonly #output: JsonObject[] = [];
  #open: OutputItem | undefined;
  /** The block of the open item has ended. */
  #isWhole = false;
  #sequence = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** The first events. */
  begin(): readonly ResponseEvent[] {
    return [this.#number({ type: 'response.created', response: this.#inProgress() }), this.ping()];
  }

  /** An event that changes nothing. Unlike a comment, it counts for clients that wait for events. */
  ping(): ResponseEvent {
    return this.#number({ type: 'response.in_progress', response: this.#inProgress() });
  }

  write(event: Exclude<AnswerEvent, { kind: 'error' }>): readonly ResponseEvent[] {
    switch (event.kind) {
      case 'open':
        return [...this.#close('completed'), ...this.#openItem(event.block)];
      case 'delta':
        return this.#numbered(this.#open?.delta(event.text) ?? []);
      case 'close':
        // Its status depends on what follows: the item that a limit cut off is not complete.
        this.#isWhole = true;
        return [];
      case 'finish':
        return this.#finish(event.finish, event.usage);
    }
  }

  /** The last event of an answer that goes no further. */
  fail(error: ResponseError): readonly ResponseEvent[] {
    return [this.#end('response.failed', { status: 'failed', error })];
  }

  #openItem(block: BlockKind): readonly ResponseEvent[] {
    this.#open = this.#newItem(block);
    this.#isWhole = false;
    return this.#numbered(this.#open.open());
  }

  #newItem(block: BlockKind): OutputItem {
    const { stem, names, reasoning } = this.#options;
    const index = this.#output.length;
    const place = (prefix: string): { readonly id: string; readonly index: number } => ({
      id: `${prefix}_${stem}_${index}`,
      index,
    });
    if (block.type === 'text' || block.type === 'refusal')
      return new MessageItem(place('msg'), block.type);
    if (block.type === 'reasoning') return new ReasoningItem(place('rs'), reasoning);
    const call = { callId: block.id, tool: names.clientTool(block.name) };
    return call.tool.kind === 'custom'
      ? new CustomCallItem(place('ctc'), call)
      : new FunctionCallItem(place('fc'), call);
  }

  #close(status: ItemStatus): readonly ResponseEvent[] {
    const item = this.#open;
    if (item === undefined) return [];
    this.#open = undefined;
    const events = this.#numbered(item.close(status));
    this.#output.push(item.json(status));
    return events;
  }

  #finish(finish: Finish, usage: CompletionUsage | undefined): readonly ResponseEvent[] {
    const reason = incompleteReason(finish);
    if (reason === undefined) {
      const closed = this.#close('completed');
      return [...closed, this.#end('response.completed', { status: 'completed', usage })];
    }
    const closed = this.#close('incomplete');
    const state = { status: 'incomplete', usage, incompleteReason: reason } as const;
    return [...closed, this.#end('response.incomplete', state)];
  }

  /** An open item stays so: clients call what is closed. */
  #end(type: ItemEvent['type'], state: Omit<ResponseState, 'output'>): ResponseEvent {
    const rest =
      this.#open === undefined ? [] : [this.#open.json(this.#isWhole ? 'completed' : 'incomplete')];
    const output = [...this.#output, ...rest];
    return this.#number({
      type,
      response: this.#options.response({ ...state, output }),
    });
  }

  #inProgress(): JsonObject {
    return this.#options.response({ status: 'in_progress', output: [] });
  }

  #numbered(events: readonly ItemEvent[]): readonly ResponseEvent[] {
    return events.map((event) => this.#number(event));
  }

  #number({ type, ...members }: ItemEvent): ResponseEvent {
    const sequence = this.#sequence;
    this.#sequence += 1;
    return { type, sequence_number: sequence, ...members };
  }
}
