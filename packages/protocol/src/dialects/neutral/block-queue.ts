import type { AnswerEvent, BlockKind } from './answer-event.ts';
import { GrowingJson } from './growing-json.ts';

interface PlainBlock {
  readonly type: Exclude<BlockKind['type'], 'call'>;
  /** Not sent yet. */
  unsent: string;
}

interface CallBlock {
  readonly type: 'call';
  /** As the node counts its calls; undefined: it does not. */
  readonly index: number | undefined;
  /** As the node names it; undefined: it has not. */
  nodeId: string | undefined;
  readonly id: string;
  name: string;
  /** All arguments so far. */
  readonly arguments: GrowingJson;
  unsent: string;
}

type Block = PlainBlock | CallBlock;

/** A part of a tool call as a node sends it. Every member can be missing. */
export interface CallPart {
  readonly index: number | undefined;
  readonly id: string | undefined;
  readonly name: string | undefined;
  /** A part of the JSON text of the arguments. */
  readonly text: string;
}

/**
 * Puts the parts of an answer into blocks of which one is open at a time.
 *
 * Nodes send parts of several calls in turns, whole calls at once, names late and ids never or twice. The first block that
 * is not whole is sent as it comes; parts of later ones are kept until it is. Nothing is lost. Methods add to `into` the
 * events that a part leads to.
 */
export class BlockQueue {
  readonly #newCallId: () => string;
  readonly #ids = new Set<string>();
  /** All of the answer, also those that are closed. */
  readonly #calls: CallBlock[] = [];
  /** The first is open, or is the next to be. */
  readonly #blocks: Block[] = [];
  #isOpen = false;
  #hasRefusal = false;

  /** @param newCallId - Makes an id for a call that has none of its own. */
  constructor(newCallId: () => string) {
    this.#newCallId = newCallId;
  }

  /** Whether the answer has called a tool. */
  get hasCalls(): boolean {
    return this.#calls.length > 0;
  }

  /** Whether the model has said why it does not answer. */
  get hasRefusal(): boolean {
    return this.#hasRefusal;
  }

  /** Adds text of the answer, of the thoughts before it, or of a refusal, which is not empty. */
  add(type: PlainBlock['type'], text: string, into: AnswerEvent[]): void {
    const last = this.#blocks.at(-1);
    if (last?.type === type) last.unsent += text;
    else {
      this.#blocks.push({ type, unsent: text });
      if (type === 'refusal') this.#hasRefusal = true;
    }
    this.#send(false, into);
  }

  addCall(part: CallPart, into: AnswerEvent[]): void {
    const call = this.#callOf(part);
    // A name comes whole, again and again, or in pieces before the arguments.
    if (part.name !== undefined && call.arguments.text === '' && call.name !== part.name)
      call.name += part.name;
    call.nodeId ??= part.id;
    call.arguments.push(part.text);
    call.unsent += part.text;
    this.#send(false, into);
  }

  /** Sends and closes what is left: the answer has ended. */
  end(into: AnswerEvent[]): void {
    this.#send(true, into);
  }

  /**
   * The call that a part belongs to: by its index, unless the id says that it is another one; else by its id. A part with a
   * name behind whole arguments begins a call: some nodes count none of them. Others repeat id and name in every part.
   */
  #callOf({ index, id, name, text }: CallPart): CallBlock {
    const known = this.#calls.findLast(
      (call) =>
        (index === undefined || call.index === index) &&
        (id === undefined || call.nodeId === undefined || call.nodeId === id),
    );
    if (known === undefined) return this.#newCall(index, id);
    const isRepeated =
      text === '' && id !== undefined && id === known.nodeId && name === known.name;
    const isAnother = name !== undefined && !isRepeated && known.arguments.isWhole;
    return isAnother ? this.#newCall(index, id) : known;
  }

  #newCall(index: number | undefined, nodeId: string | undefined): CallBlock {
    // Two calls with one id would have one result.
    const isUsable = nodeId !== undefined && !this.#ids.has(nodeId);
    const id = isUsable ? nodeId : this.#newCallId();
    this.#ids.add(id);
    const call: CallBlock = {
      type: 'call',
      index,
      nodeId,
      id,
      name: '',
      arguments: new GrowingJson(),
      unsent: '',
    };
    this.#blocks.push(call);
    this.#calls.push(call);
    return call;
  }

  #send(isEnd: boolean, into: AnswerEvent[]): void {
    for (let block = this.#blocks[0]; block; block = this.#blocks[0]) {
      const isLast = this.#blocks.length === 1;
      const isWhole = isEnd || (!isLast && (block.type !== 'call' || block.arguments.isWhole));
      if (block.type === 'call') {
        // Its name may go on until its arguments begin.
        const isNamed = block.name !== '' && block.arguments.text !== '';
        if (!isNamed && !isWhole) return;
        if (isWhole && block.arguments.text === '') block.unsent = '{}';
      }
      if (!this.#isOpen) into.push({ kind: 'open', block: openingOf(block) });
      this.#isOpen = true;
      if (block.unsent !== '') into.push({ kind: 'delta', text: block.unsent });
      block.unsent = '';
      if (!isWhole) return;
      into.push({ kind: 'close' });
      this.#isOpen = false;
      this.#blocks.shift();
    }
  }
}

const openingOf = (block: Block): BlockKind =>
  block.type === 'call' ? { type: 'call', id: block.id, name: block.name } : { type: block.type };
