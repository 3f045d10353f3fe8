import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import type { XmlMarkers } from '../../../grammar/xml-calls.ts';
import type { AnswerText, Script } from '../answer-text.ts';
import { contentUntil, readOneOf } from '../script-steps.ts';
import { ParameterTypes } from './parameter-types.ts';

interface XmlRequest {
  readonly markers: XmlMarkers;
  readonly tools: readonly CallableTool[];
}

const FUNCTION = '<function=';
const END_FUNCTION = '</function>';
const PARAMETER = '<parameter=';
const END_PARAMETER = '</parameter>';

/**
 * Calls as XML: `<tool_call><function=name><parameter=key>value</parameter></function></tool_call>`.
 *
 * A call has begun when its first parameter or its end is seen. Models leave the outer marker out: then a function is a
 * call when it is one on offer.
 */
export function* readXmlCalls(text: AnswerText, request: XmlRequest): Script<void> {
  const { markers, tools } = request;
  for (;;) {
    const found = yield* contentUntil(text, [markers.open, FUNCTION]);
    if (found === undefined) return;
    let before = found.space + found.marker;
    const isWrapped = found.marker === markers.open;
    if (isWrapped) {
      const isFunction = (yield* readOneOf(text, [FUNCTION])) !== undefined;
      if (!isFunction) {
        text.content(before);
        text.reread();
        continue;
      }
      before += text.take();
    }
    const name = yield* readName(text);
    const isCallable = isWrapped || tools.some((tool) => tool.name === name);
    if (name === undefined || !isCallable) {
      text.content(before);
      text.reread();
      continue;
    }
    before += text.take();
    const first = yield* readOneOf(text, [PARAMETER, END_FUNCTION]);
    if (first === undefined) {
      text.content(before);
      text.reread();
      continue;
    }
    text.beginCall(name);
    const types = new ParameterTypes(tools.find((tool) => tool.name === name)?.parameters);
    if (yield* readParameters(text, { types, markers })) yield* skipClose(text, markers.close);
  }
}

/** A name or key up to `>`, which is held too; undefined where there is none. */
function* readName(text: AnswerText): Script<string | undefined> {
  while (yield* text.more()) {
    if (text.held.endsWith('>')) {
      const name = text.held.slice(0, -1).trim();
      return name === '' ? undefined : name;
    }
    if (/[<\n]$/.test(text.held)) return undefined;
  }
  return undefined;
}

interface CallRequest {
  readonly types: ParameterTypes;
  readonly markers: XmlMarkers;
}

/** From the first tag within a call, which is held, to the end of the function. False: it ended before. */
function* readParameters(text: AnswerText, call: CallRequest): Script<boolean> {
  for (let count = 0; ; count++) {
    const tags = [PARAMETER, END_FUNCTION, call.markers.close];
    const tag = yield* readOneOf(text, tags);
    if (tag === undefined && isCutShort(text.held, tags)) return false;
    if (tag !== PARAMETER) {
      text.callArguments(count === 0 ? '{}' : '}');
      if (tag === END_FUNCTION) text.take();
      else text.reread();
      return true;
    }
    text.take();
    const key = yield* readName(text);
    if (key === undefined && !/[<>\n]$/.test(text.held)) return false;
    if (key === undefined) {
      text.callArguments(count === 0 ? '{}' : '}');
      text.reread();
      return true;
    }
    text.take();
    text.callArguments(`${count === 0 ? '{' : ', '}${JSON.stringify(key)}: `);
    const isText = call.types.isText(key);
    if (isText) text.callArguments('"');
    const value = yield* readValue(text, { ...call, isText });
    if (isText && value.isComplete) text.callArguments('"');
    if (!isText)
      text.callArguments(value.isComplete ? call.types.read(key, value.rest) : value.rest);
    if (!value.isComplete) return false;
  }
}

/** The text of one value; handed out as it comes where `isText`, else what it was to the end in `rest`. */
function* readValue(
  text: AnswerText,
  call: CallRequest & { readonly isText: boolean },
): Script<{ readonly isComplete: boolean; readonly rest: string }> {
  let rest = '';
  const settle = (value: string): void => {
    if (call.isText) text.callArguments(JSON.stringify(value).slice(1, -1));
    else rest += value;
  };
  // One line break belongs to the tag before the value, and one to the tag behind it.
  let isBegun = false;
  while (yield* text.more()) {
    if (!isBegun && text.held === call.markers.lineBreak) text.take();
    isBegun = true;
    const at = endOfValue(text.held, call.markers);
    settle(text.take(at.start));
    if (!at.isComplete) continue;
    const tail = text.take();
    text.reread(tail.slice(tail.indexOf(END_PARAMETER) + END_PARAMETER.length));
    return { isComplete: true, rest };
  }
  const last = text.take();
  const isComplete = last.trimStart().startsWith(END_PARAMETER);
  if (!isComplete) settle(last);
  return { isComplete, rest };
}

/** Where the end of the value begins or may begin in `held`: a closing tag counts only before another tag. */
function endOfValue(
  held: string,
  { lineBreak, close }: XmlMarkers,
): { readonly start: number; readonly isComplete: boolean } {
  for (let start = 0; start < held.length; start++) {
    if (held[start] !== lineBreak && held[start] !== '<') continue;
    const tag = held.slice(held[start] === '<' ? start : start + 1);
    if (!tag.startsWith(END_PARAMETER)) {
      if (END_PARAMETER.startsWith(tag)) return { start, isComplete: false };
      continue;
    }
    const next = tag.slice(END_PARAMETER.length).trimStart();
    const followers = [PARAMETER, END_FUNCTION, close];
    if (followers.includes(next)) return { start, isComplete: true };
    if (followers.some((follower) => follower.startsWith(next)))
      return { start, isComplete: false };
  }
  return { start: held.length, isComplete: false };
}

function* skipClose(text: AnswerText, close: string): Script<void> {
  const marker = yield* readOneOf(text, [close]);
  if (marker !== undefined || isCutShort(text.held, [close])) text.take();
  else text.reread();
}

/** What is held when the answer ends within a tag: neither content nor arguments. */
const isCutShort = (held: string, tags: readonly string[]): boolean =>
  tags.some((tag) => tag.startsWith(held.trim()));
