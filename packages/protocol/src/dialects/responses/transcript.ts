import type { Part, ToolCall, Turn } from '../neutral/conversation.ts';
import { resultTurns } from '../neutral/result-turns.ts';

/** A turn of the model that is still being put together. */
interface Answer {
  text: string | undefined;
  reasoning: string | undefined;
  readonly calls: ToolCall[];
  /** In the order of the request. */
  readonly results: (Turn & { readonly role: 'tool' })[];
}

/**
 * Puts the items of a conversation into turns.
 *
 * What the model has said and called without anyone in between is one turn, as it was one answer. Results follow the turn
 * with their calls, also if the request has something in between: templates and nodes accept no other order.
 */
export class Transcript {
  readonly #turns: (Answer | Exclude<Turn, { readonly role: 'assistant' | 'tool' }>)[] = [];
  /** By the id of a call: the turns that have called and have no result for it yet, in order. */
  readonly #unanswered = new Map<string, Answer[]>();
  /** The last item is a message of the model. */
  #isAfterMessage = false;

  addMessage(role: 'system' | 'user', parts: readonly Part[]): void {
    this.#isAfterMessage = false;
    this.#turns.push({ role, parts });
  }

  addText(text: string): void {
    // Two messages in a row were not one answer, whose text would be one message.
    const answer = this.#isAfterMessage ? this.#newAnswer() : this.#openAnswer();
    answer.text = (answer.text ?? '') + text;
    this.#isAfterMessage = true;
  }

  addReasoning(text: string): void {
    this.#isAfterMessage = false;
    const answer = this.#openAnswer();
    answer.reasoning = answer.reasoning === undefined ? text : `${answer.reasoning}\n\n${text}`;
  }

  addCall(call: ToolCall): void {
    this.#isAfterMessage = false;
    const answer = this.#openAnswer();
    answer.calls.push(call);
    const waiting = this.#unanswered.get(call.id) ?? [];
    // A turn that calls twice under one id gets one result for both.
    if (waiting.at(-1) !== answer) waiting.push(answer);
    this.#unanswered.set(call.id, waiting);
  }

  /** False: no call without a result has this id. */
  addResult(callId: string, parts: readonly Part[]): boolean {
    const answer = this.#unanswered.get(callId)?.pop();
    if (answer === undefined) return false;
    answer.results.push({ role: 'tool', callId, parts });
    return true;
  }

  /** An empty conversation gets an empty message of the user, because nodes refuse a conversation without one. */
  toTurns(): readonly Turn[] {
    const turns = this.#turns.flatMap((turn): readonly Turn[] => {
      if (!('calls' in turn)) return [turn];
      const { text, reasoning, calls, results } = turn;
      const said = text ?? (calls.length === 0 ? '' : null);
      return [{ role: 'assistant', text: said, reasoning, calls }, ...resultTurns(results)];
    });
    const isEmpty = turns.every(({ role }) => role === 'system');
    return isEmpty ? [...turns, { role: 'user', parts: [{ type: 'text', text: '' }] }] : turns;
  }

  /** The turn of the model that goes on: results end it. */
  #openAnswer(): Answer {
    const last = this.#turns.at(-1);
    return last !== undefined && 'calls' in last && last.results.length === 0
      ? last
      : this.#newAnswer();
  }

  #newAnswer(): Answer {
    const answer: Answer = { text: undefined, reasoning: undefined, calls: [], results: [] };
    this.#turns.push(answer);
    return answer;
  }
}
