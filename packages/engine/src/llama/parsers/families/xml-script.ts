import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import type { AnswerText, Script } from '../answer-text.ts';
import { contentUntil, isTooLong, readOneOf } from '../script-steps.ts';
import { readJsonBetweenTags, skipClose } from './json-between-tags.ts';
import { isCutShort, readParameter, type ValueTags } from './parameter-script.ts';
import { ParameterTypes } from './parameter-types.ts';

export interface XmlMarkers {
  readonly open: string;
  readonly close: string;
  /** The text on both sides of a value. */
  readonly lineBreak: '\n' | '';
}

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
 * A call starts at its first parameter or its end. Models may omit the outer marker; then a function is a call only if
 * the tool is offered.
 * Between the outer markers, models may also write a call in JSON.
 */
export function* readXmlCalls(text: AnswerText, request: XmlRequest): Script<void> {
  const { markers } = request;
  for (;;) {
    const found = yield* contentUntil(text, [markers.open, FUNCTION]);
    if (found === undefined) return;
    let before = found.space + found.marker;
    const isWrapped = found.marker === markers.open;
    if (isWrapped) {
      const isFunction = (yield* readOneOf(text, [FUNCTION])) !== undefined;
      if (!isFunction) {
        if (yield* readJsonBetweenTags(text, markers.close)) continue;
        text.content(before);
        text.reread();
        continue;
      }
      before += text.take();
    }
    const lost = yield* readFunction(text, { request, isWrapped });
    if (lost === undefined) continue;
    text.content(before + lost);
    text.reread();
  }
}

interface WrappedFunction extends XmlRequest {
  /** The outer marker and the white space before it. Emitted as content if the function cannot be read. */
  readonly before: string;
}

/** Reads a function after the opening outer marker. False: there is none, and the text read is held. */
export function* readWrappedFunction(
  text: AnswerText,
  { before, ...request }: WrappedFunction,
): Script<boolean> {
  if ((yield* readOneOf(text, [FUNCTION])) === undefined) return false;
  const head = text.take();
  const lost = yield* readFunction(text, { request, isWrapped: true });
  if (lost === undefined) return true;
  text.content(before + head + lost);
  text.reread();
  return true;
}

interface FunctionRequest {
  readonly request: XmlRequest;
  readonly isWrapped: boolean;
}

/**
 * Reads a call after `<function=`. Undefined: it is read. Otherwise it is not a call: the returned text is taken, and
 * the rest of the text read is held.
 */
function* readFunction(
  text: AnswerText,
  { request: { markers, tools }, isWrapped }: FunctionRequest,
): Script<string | undefined> {
  const name = yield* readName(text);
  const tool = tools.find((one) => one.name === name);
  if (name === undefined || (!isWrapped && tool === undefined)) return '';
  const head = text.take();
  if ((yield* readOneOf(text, [PARAMETER, END_FUNCTION])) === undefined) return head;
  text.beginCall(name);
  const types = new ParameterTypes(tool?.parameters);
  if (yield* readParameters(text, { types, markers })) yield* skipClose(text, markers.close);
  return undefined;
}

/** A name or key up to `>`, which is held too; undefined if there is none. */
function* readName(text: AnswerText): Script<string | undefined> {
  while (yield* text.more()) {
    if (text.held.endsWith('>')) {
      // Some models quote it, as an attribute.
      const name = text.held
        .slice(0, -1)
        .trim()
        .replace(/^(["'])(.*)\1$/, '$2');
      return name === '' ? undefined : name;
    }
    if (isTooLong(text) || /[<\n]$/.test(text.held)) return undefined;
  }
  return undefined;
}

interface CallRequest {
  readonly types: ParameterTypes;
  readonly markers: XmlMarkers;
}

/** Reads from the held first tag within a call to the end of the function. False: the answer ends before. */
function* readParameters(text: AnswerText, call: CallRequest): Script<boolean> {
  for (let count = 0; ; count++) {
    const tags = [PARAMETER, END_FUNCTION, call.markers.close];
    const tag = yield* readOneOf(text, tags);
    if (tag === undefined && isCutShort(text.held, tags)) {
      text.take();
      text.endCall(count === 0 ? '{}' : '}', 'between values');
      return false;
    }
    if (tag !== PARAMETER) {
      text.callArguments(count === 0 ? '{}' : '}');
      if (tag === END_FUNCTION) text.take();
      else text.reread();
      return true;
    }
    text.take();
    const key = yield* readName(text);
    if (key === undefined && !isTooLong(text) && !/[<>\n]$/.test(text.held)) {
      text.take();
      text.endCall(count === 0 ? '{}' : '}', 'in a value');
      return false;
    }
    if (key === undefined) {
      text.callArguments(count === 0 ? '{}' : '}');
      text.reread();
      return true;
    }
    text.take();
    const { types, markers } = call;
    const valueTags: ValueTags = {
      ends: [END_PARAMETER],
      followers: tags,
      lineBreak: markers.lineBreak,
      parameter: /^<parameter=([^<>\n]+)>/,
      parameterOpen: PARAMETER,
      callEnds: [END_FUNCTION, markers.close],
      callOpens: [markers.open, FUNCTION],
    };
    const isFirst = count === 0;
    const others = types.others(key);
    if (!(yield* readParameter(text, { key, isFirst, types, others, tags: valueTags })))
      return false;
  }
}
