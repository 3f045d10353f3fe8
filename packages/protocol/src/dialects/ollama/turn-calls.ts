import type { ToolCall } from '../neutral/conversation.ts';

/** Calls in order, those that have a result already passed over. */
class CallList {
  readonly #calls: ToolCall[] = [];
  #at = 0;

  add(call: ToolCall): void {
    this.#calls.push(call);
  }

  /** The first call that is not among `answered`. */
  first(answered: ReadonlySet<ToolCall>): ToolCall | undefined {
    for (; this.#at < this.#calls.length; this.#at += 1) {
      const call = this.#calls[this.#at];
      if (call !== undefined && !answered.has(call)) return call;
    }
    return undefined;
  }
}

/** The calls of one turn, and which of them have a result. */
export class TurnCalls {
  readonly #all = new CallList();
  readonly #byId = new Map<string, ToolCall>();
  readonly #byName = new Map<string, CallList>();
  readonly #answered = new Set<ToolCall>();

  add(call: ToolCall): void {
    this.#all.add(call);
    this.#byId.set(call.id, call);
    const named = this.#byName.get(call.name) ?? new CallList();
    named.add(call);
    this.#byName.set(call.name, named);
  }

  /** Takes a call without a result: by id, else by name, else in order; undefined if all have one. */
  take(id: string, name: string): ToolCall | undefined {
    const known = this.#byId.get(id);
    const call =
      known !== undefined && !this.#answered.has(known)
        ? known
        : (this.#byName.get(name)?.first(this.#answered) ?? this.#all.first(this.#answered));
    if (call !== undefined) this.#answered.add(call);
    return call;
  }
}
