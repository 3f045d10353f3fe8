import type { CallableTool } from '../../../grammar/answer-grammar.ts';
import type { AnswerText, Script } from '../answer-text.ts';
import { callsAfter, MAX_HEAD_CHARS, readOneOf } from '../script-steps.ts';
import { readJsonBetweenTags } from './json-between-tags.ts';
import { isCutShort, readParameter, type ValueTags } from './parameter-script.ts';
import { ParameterTypes } from './parameter-types.ts';

const OPEN = '<tool_call>';
const CLOSE = '</tool_call>';
const KEY = '<arg_key>';
const END_VALUE = '</arg_value>';

/** The name of a call, and the tag after it. */
const HEAD = /^\s*([\w./:-]+)\s*(?:<arg_key>|<\/tool_call>)$/;
const HEAD_START = /^\s*[\w./:-]*\s*(?:<\/?[a-z_]*>?)?$/;

/**
 * Calls as a name, and key-value pairs between tags. A call starts at the tag after its name. Between the outer tags,
 * models may also write a call in JSON.
 */
export const readGlm = (text: AnswerText, tools: readonly CallableTool[]): Script<void> =>
  callsAfter(text, [OPEN], () => readCall(text, tools));

/** False: it is not a call, and the text read is held. */
function* readCall(text: AnswerText, tools: readonly CallableTool[]): Script<boolean> {
  const name = yield* readName(text);
  if (name === undefined) return yield* readJsonBetweenTags(text, CLOSE);
  text.beginCall(name);
  const types = new ParameterTypes(tools.find((tool) => tool.name === name)?.parameters);
  yield* readParameters(text, types);
  return true;
}

/** Takes the name; the tag after it stays unread. Undefined: it is not a call, and the text read is held. */
function* readName(text: AnswerText): Script<string | undefined> {
  while (yield* text.more()) {
    const name = HEAD.exec(text.held)?.[1];
    if (name !== undefined) {
      text.reread(text.held.indexOf(name) + name.length);
      return name;
    }
    if (text.held.length > MAX_HEAD_CHARS || !HEAD_START.test(text.held)) return undefined;
  }
  return undefined;
}

/** Reads to the end of the call. Text in place of a tag ends the call and is content. */
function* readParameters(text: AnswerText, types: ParameterTypes): Script<void> {
  const tags: ValueTags = {
    ends: [END_VALUE],
    followers: [KEY, CLOSE],
    lineBreak: '',
    parameter: /^<arg_key>([^<]+)<\/arg_key>\s*<arg_value>/,
    parameterOpen: KEY,
    callEnds: [CLOSE],
    callOpens: [OPEN],
  };
  for (let count = 0; ; count++) {
    const tag = yield* readOneOf(text, tags.followers);
    const key = tag === KEY ? yield* readKey(text) : undefined;
    if (key === 'cut short' || (tag === undefined && isCutShort(text.held, tags.followers))) {
      text.take();
      text.endCall(count === 0 ? '{}' : '}', key === 'cut short' ? 'in a value' : 'between values');
      return;
    }
    if (key === undefined) {
      text.callArguments(count === 0 ? '{}' : '}');
      if (tag === CLOSE) text.take();
      else text.reread();
      return;
    }
    const isFirst = count === 0;
    const others = types.others(key.key);
    if (!(yield* readParameter(text, { ...key, isFirst, types, others, tags }))) return;
  }
}

/** `key</arg_key><arg_value>` after the held tag; undefined if there is none, and all of it is held. */
function* readKey(text: AnswerText): Script<{ readonly key: string } | 'cut short' | undefined> {
  const start = text.held.length;
  while (yield* text.more()) {
    const held = text.held.slice(start);
    const key = /^([^<]+)<\/arg_key>\s*<arg_value>$/.exec(held)?.[1]?.trim();
    if (key !== undefined && key !== '') {
      text.take();
      return { key };
    }
    if (held.length > MAX_HEAD_CHARS) return undefined;
    if (!/^[^<]*(?:<[/a-z_]*(?:>\s*(?:<[a-z_]*>?)?)?)?$/.test(held)) return undefined;
  }
  return 'cut short';
}
