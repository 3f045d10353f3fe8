import { CortexError } from '../../errors.ts';
import type { Part, Turn } from '../neutral/conversation.ts';
import type { Block, Message } from './body-shape.ts';
import { type AssistantTurn, joinAssistants, readAssistant } from './read-assistant.ts';
import { readBlock, readParts } from './read-parts.ts';
import { readToolResult } from './read-tool-result.ts';
import { refuseField } from '../neutral/refuse-field.ts';
import { stableSystemText } from './system-text.ts';
import { toClientCallId } from './tool-ids.ts';

/** System parts without what changes from request to request. */
export const readSystem = (blocks: readonly Block[], at: string): readonly Part[] =>
  readParts(blocks, at).flatMap((part): readonly Part[] => {
    if (part.type !== 'text') return [part];
    const text = stableSystemText(part.text);
    return text === '' ? [] : [{ type: 'text', text }];
  });

/** An error in the words of Anthropic's API, which clients recognise. `at` is a message, or a block of it. */
const inTheirWords = (at: string, problem: string): CortexError =>
  new CortexError('invalid_request', `${at.replaceAll(/\[(\d+)\]/g, '.$1')}: ${problem}`, {
    param: at,
  });

/**
 * Puts messages in order for a node: the results of calls directly after the turn that called, and everything else in
 * its place. Neighbours of one role stay apart, because a turn that grows would change the prompt before it; but calls
 * of neighbours that are answered together belong to one turn.
 */
export class TurnReader {
  readonly #turns: Turn[] = [];
  /** The last calls of an assistant, if any has no result yet. */
  #unanswered = new Set<string>();
  /** The calls of the last turn that called. */
  #called = new Set<string>();
  #callingMessage = 0;
  /** Neighbours of the last calling turn that called too, before any result. */
  #neighbours: AssistantTurn[] = [];
  /** Turns that arrived before the results. */
  #held: Turn[] = [];
  #hasResults = false;

  /** @throws CortexError `invalid_request` with the path of what is wrong */
  add({ role, content }: Message, index: number): void {
    const at = `messages[${index}].content`;
    switch (role) {
      case 'assistant':
        this.#addAssistant(readAssistant(content, at), index);
        break;
      case 'system': {
        const parts = readSystem(content, at);
        if (parts.length > 0) this.#addTurn({ role: 'system', parts });
        break;
      }
      case 'user':
        this.#addUser(content, at);
        break;
    }
  }

  /** All turns. @throws CortexError `invalid_request` if a call has no result */
  end(): readonly Turn[] {
    this.#checkAnswered();
    return this.#turns;
  }

  #addTurn(turn: Turn): void {
    (this.#unanswered.size > 0 ? this.#held : this.#turns).push(turn);
  }

  #addAssistant(turn: AssistantTurn, index: number): void {
    const last = this.#turns.at(-1);
    const isSame = this.#held.length === 0 && !this.#hasResults;
    if (this.#unanswered.size > 0 && isSame && last?.role === 'assistant') {
      const same = turn.calls.find(({ id }) => this.#called.has(id));
      if (same !== undefined)
        throw refuseField(`messages[${index}]`, `repeats the tool_use id "${same.id}"`);
      this.#neighbours.push(turn);
      for (const { id } of turn.calls) {
        this.#called.add(id);
        this.#unanswered.add(id);
      }
      return;
    }
    this.#checkAnswered();
    this.#turns.push(turn);
    this.#hasResults = false;
    this.#called = new Set(turn.calls.map(({ id }) => id));
    this.#unanswered = new Set(this.#called);
    this.#callingMessage = index;
  }

  #addUser(content: readonly Block[], at: string): void {
    const images: Part[] = [];
    const others: Part[] = [];
    let hasResults = false;
    for (const [index, block] of content.entries()) {
      const path = `${at}[${index}]`;
      if (block.type === 'tool_use')
        throw refuseField(`${path}.type`, 'is "tool_use", which only assistant messages may have');
      if (block.type === 'tool_result') {
        images.push(...this.#addResult(block, path));
        hasResults = true;
      } else others.push(...readBlock(block, path));
    }
    const parts = [...images, ...others];
    if (parts.length > 0 || !hasResults) this.#held.push({ role: 'user', parts });
    if (this.#unanswered.size > 0) return;
    this.#turns.push(...this.#held);
    this.#held = [];
  }

  /** The images of the result. */
  #addResult(block: Block, at: string): readonly Part[] {
    const { turn, clientId, images } = readToolResult(block, at);
    if (!this.#called.has(turn.callId))
      throw inTheirWords(
        at,
        `unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${clientId}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
      );
    if (!this.#unanswered.delete(turn.callId))
      throw inTheirWords(
        at,
        `each tool_use must have a single result. Found multiple \`tool_result\` blocks with id: ${clientId}`,
      );
    this.#joinNeighbours();
    this.#turns.push(turn);
    this.#hasResults = true;
    return images;
  }

  /** Calls that are answered together belong to one turn. */
  #joinNeighbours(): void {
    const last = this.#turns.at(-1);
    if (this.#neighbours.length === 0 || last?.role !== 'assistant') return;
    this.#turns[this.#turns.length - 1] = joinAssistants([last, ...this.#neighbours]);
    this.#neighbours = [];
  }

  #checkAnswered(): void {
    if (this.#unanswered.size === 0) return;
    const ids = [...this.#unanswered].map(toClientCallId).join(', ');
    throw inTheirWords(
      `messages[${this.#callingMessage}]`,
      `\`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${ids}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
    );
  }
}
