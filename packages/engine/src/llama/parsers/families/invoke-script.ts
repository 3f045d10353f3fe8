import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import type { AnswerText, Script } from '../answer-text.ts';
import { contentUntil, isTooLong, parseJson, readOneOf } from '../script-steps.ts';
import { isCutShort, readParameter } from './parameter-script.ts';
import { ParameterTypes } from './parameter-types.ts';

/** How a family writes calls as `<invoke name="…"><parameter name="…">value</parameter></invoke>`. */
export interface InvokeForm {
  /** Encloses all calls of an answer; undefined if the family has no such tag. */
  readonly section: { readonly open: string; readonly close: string } | undefined;
  /** The tag up to the name. */
  readonly invoke: string;
  readonly endInvoke: string;
  /** The tag up to the key. */
  readonly parameter: string;
  readonly endParameter: string;
  /** Optional delimiters of a string within a value. */
  readonly quotes?: { readonly open: string; readonly close: string };
}

interface InvokeRequest {
  readonly form: InvokeForm;
  readonly tools: readonly CallableTool[];
}

/**
 * Reads calls with several parameters and unquoted values between tags.
 *
 * A call starts at its first parameter or its end. Without the outer marker it is a call only if the tool is offered.
 */
export function* readInvokes(text: AnswerText, { form, tools }: InvokeRequest): Script<void> {
  const { section } = form;
  const marks = [...openers(form), form.invoke];
  for (;;) {
    const found = yield* contentUntil(text, marks);
    if (found === undefined) return;
    let before = found.space + found.marker;
    const isWrapped = found.marker === section?.open;
    if (isWrapped) {
      if ((yield* readOneOf(text, [form.invoke])) === undefined) {
        text.content(before);
        text.reread();
        continue;
      }
      before += text.take();
    }
    yield* readCalls(text, { form, tools, isWrapped, before });
  }
}

interface Calls extends InvokeRequest {
  readonly isWrapped: boolean;
  /** Emitted as content if the first call cannot be parsed. */
  readonly before: string;
}

/** Consecutive calls, from after the start of the first tag. */
function* readCalls(text: AnswerText, { form, tools, isWrapped, before }: Calls): Script<void> {
  for (let lost = before; ;) {
    const name = (yield* readTag(text))?.name;
    const tool = tools.find((one) => one.name === name);
    if (name === undefined || (!isWrapped && tool === undefined)) {
      text.content(lost);
      text.reread();
      return;
    }
    lost += text.take();
    if ((yield* readOneOf(text, [form.parameter, form.endInvoke])) === undefined) {
      text.content(lost);
      text.reread();
      return;
    }
    text.beginCall(name);
    const types = new ParameterTypes(tool?.parameters);
    if (!(yield* readParameters(text, form, types))) return;
    const nexts = [form.invoke, ...closers(form)];
    const next = yield* readOneOf(text, nexts);
    if (next === undefined) {
      if (isCutShort(text.held, nexts)) text.take();
      else text.reread();
      return;
    }
    lost = text.take();
    if (next === form.section?.close) return;
  }
}

/** The tag of a parameter, with any tag name. */
const PARAMETER_TAG = /^[^"\n]+"([^"<>\n]+)"(?:\s+string="(?:true|false)")?\s*>/;

const openers = ({ section }: InvokeForm): readonly string[] =>
  section === undefined ? [] : [section.open];

const closers = ({ section }: InvokeForm): readonly string[] =>
  section === undefined ? [] : [section.close];

interface Tag {
  readonly name: string;
  /** The attribute of some families that states whether a value is a string or JSON. */
  readonly isText: boolean | undefined;
}

const TAG = /^([^<>\n]+?)"(?:\s+string="(true|false)")?\s*>$/;

/** A name, attributes, and the end of the tag, all held; undefined if there is none. */
function* readTag(text: AnswerText): Script<Tag | undefined> {
  while (yield* text.more()) {
    const [, name = '', isText] = TAG.exec(text.held) ?? [];
    if (name.trim() !== '')
      return { name: name.trim(), isText: isText === undefined ? undefined : isText === 'true' };
    if (isTooLong(text) || /[<>\n]$/.test(text.held)) return undefined;
  }
  return undefined;
}

/** Reads from the held first tag within a call to the end of the call. False: the answer ends before. */
function* readParameters(
  text: AnswerText,
  form: InvokeForm,
  types: ParameterTypes,
): Script<boolean> {
  const followers = [form.parameter, form.endInvoke, form.invoke, ...closers(form)];
  for (let count = 0; ; count++) {
    const follower = yield* readOneOf(text, followers);
    if (follower === undefined && isCutShort(text.held, followers)) {
      text.take();
      text.endCall(count === 0 ? '{}' : '}', 'between values');
      return false;
    }
    if (follower === form.parameter) text.take();
    const tag = follower === form.parameter ? yield* readTag(text) : undefined;
    if (tag === undefined) {
      const isCut = follower === form.parameter && !isTooLong(text) && !/[<>\n]$/.test(text.held);
      const end = count === 0 ? '{}' : '}';
      if (isCut) text.endCall(end, 'in a value');
      else text.callArguments(end);
      if (isCut || follower === form.endInvoke) text.take();
      else text.reread();
      return !isCut;
    }
    text.take();
    const isFirst = count === 0;
    const isQuoted = yield* readQuote(text, form);
    const quotedEnds = isQuoted ? [`${form.quotes?.close}${form.endParameter}`] : [];
    const ends = [...quotedEnds, form.endParameter];
    const said = isQuoted && types.mayBeText(tag.name) ? true : tag.isText;
    const parameter = {
      key: tag.name,
      isFirst,
      types: statedTypes(types, said),
      others: types.others(tag.name),
      tags: {
        ends,
        followers,
        lineBreak: '',
        parameter: PARAMETER_TAG,
        parameterOpen: form.parameter,
        callEnds: [form.endInvoke, ...closers(form)],
        callOpens: [form.invoke, ...openers(form)],
      },
    } as const;
    if (!(yield* readParameter(text, parameter))) return false;
  }
}

/** Takes the quote at the start of a value; false if there is none. */
function* readQuote(text: AnswerText, { quotes }: InvokeForm): Script<boolean> {
  if (quotes === undefined) return false;
  const isQuoted = (yield* readOneOf(text, [quotes.open])) !== undefined;
  if (isQuoted) text.take();
  else text.reread();
  return isQuoted;
}

/** The types of a value by its attribute. The schema decides if it allows only strings or no string. */
function statedTypes(
  types: ParameterTypes,
  isText: boolean | undefined,
): Pick<ParameterTypes, 'isText' | 'read'> {
  if (isText === undefined) return types;
  return {
    isText: (key) => isText && types.mayBeText(key),
    read(key, value) {
      const json = parseJson(value.trim());
      const isAllowed = typeof json === 'string' || !types.isText(key);
      return json === undefined || !isAllowed ? types.read(key, value) : value.trim();
    },
  };
}
