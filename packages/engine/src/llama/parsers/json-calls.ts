/** Calls written as JSON objects, whatever stands around them. */
import type { AnswerText, Script } from './answer-text.ts';
import { type CallHead, readCallHead } from './call-head.ts';
import { JsonObjectScanner } from './json-object-scanner.ts';
import { MAX_HEAD_CHARS, nameOfHead, readCall, streamObject } from './script-steps.ts';

/**
 * Reads the call that begins with the brace held last; arguments go out as they come when the name stands first.
 *
 * False: it is none, or of a tool that is not callable; what was read is held.
 */
export function* readJsonCall(
  text: AnswerText,
  isCallable: (name: string) => boolean,
): Script<boolean> {
  const start = text.held.length - 1;
  const scanner = new JsonObjectScanner();
  let head: CallHead = 'open';
  for (let at = start; ;) {
    scanner.scan(text.held.slice(at));
    const json = text.held.slice(start);
    const name = nameOfHead(json);
    if (name !== undefined) {
      if (!isCallable(name)) return false;
      text.beginCall(name);
      text.take(text.held.length - 1);
      if (yield* streamObject(text)) yield* skipRest(text);
      return true;
    }
    if (scanner.isDone) {
      const call = readCall(json);
      if (call === undefined || !isCallable(call.name)) return false;
      text.beginCall(call.name, call.arguments);
      text.take();
      return true;
    }
    if (head === 'open') head = readCallHead(json, isCallable);
    if (head === 'none') return false;
    at = text.held.length;
    if (!(yield* text.more())) return false;
  }
}

/** Behind the arguments, to the end of the object: further members (an id) are left out. */
function* skipRest(text: AnswerText): Script<void> {
  while (yield* text.more()) {
    if (/^\s*(?:,\s*"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[\w.+-]+)\s*)*\}$/.test(text.held)) {
      text.take();
      return;
    }
    if (text.held.length > MAX_HEAD_CHARS || !/^\s*(?:,[\s\w",:.+-]*)?$/.test(text.held)) break;
  }
  text.reread();
}
