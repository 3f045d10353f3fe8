/** Each row of the table of members is true: what a member of a message or a tool does to the prompt of a chat. */
import { CortexError, type FieldRule, readShape } from '@cortex/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Model } from '../src/llama/binding.ts';
import { ChatBody } from '../src/llama/request/chat-body.ts';
import { readThinking } from '../src/llama/request/thinking-fields.ts';
import { offeredTools } from '../src/llama/request/tool-choice.ts';
import { ChatTemplate, toTemplateInput } from '../src/llama/templates/chat-template.ts';
import { MEMBER_GROUPS } from '../src/request-fields/index.ts';
import { openVocabulary } from './llama-under-test.ts';

/** Prints all that templates print. */
const TEMPLATE = `
{%- for tool in tools or [] %}{{ tool | tojson }}
{% endfor %}
{%- for message in messages %}[{{ message.role }} {{ message.name or '' }} {{ message.tool_call_id or '' }}]
{{- message.reasoning_content or '' }}|{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}{{ call.id or '' }} {{ call.function.name }} {{ call.function.arguments | tojson }}{% endfor %}
{% endfor %}`;

interface Sample {
  readonly value: unknown;
  /** The request with a value of the field; undefined: without one. */
  readonly put: (value: unknown) => object;
}

const USER = { role: 'user', content: 'Hello' };
const ASSISTANT = { role: 'assistant', content: 'Hi' };
const RESULT = { role: 'tool', tool_call_id: 'a', content: 'done' };
const CALL = { id: 'a', type: 'function', function: { name: 'read', arguments: '{"a":"x"}' } };
const TOOL = { type: 'function', function: { name: 'read' } };

const withMember = (object: object, name: string, value: unknown): object =>
  value === undefined ? object : { ...object, [name]: value };

const ofMessage = (message: object, name: string, value: unknown): Sample => ({
  value,
  put: (given) => ({ messages: [USER, withMember(message, name, given), USER] }),
});

const ofFunction = (name: string, value: unknown): Sample => ({
  value,
  put: (given) => ({
    messages: [USER],
    tools: [{ ...TOOL, function: withMember(TOOL.function, name, given) }],
  }),
});

const ofTool = (value: unknown): Sample => ({
  value,
  put: (given) => ({ messages: [USER], tools: given === undefined ? undefined : [given] }),
});

const ofCall = (value: unknown): Sample => ({
  value,
  put: (given) => ({
    messages: [
      USER,
      { ...ASSISTANT, tool_calls: given === undefined ? undefined : [given] },
      RESULT,
      USER,
    ],
  }),
});

const ofCallMember = (name: string, value: unknown): Sample => ({
  value,
  put: (given) => ofCall(CALL).put(withMember(CALL, name, given)),
});

const part = (value: object): Sample => ({
  value,
  put: (given) => ({
    messages: [
      {
        role: 'user',
        content: [{ type: 'text', text: 'Hello' }, ...(given === undefined ? [] : [given])],
      },
    ],
  }),
});

const partMember = (element: object, name: string, value: unknown): Sample => ({
  value,
  put: (given) => part(element).put(withMember(element, name, given)),
});

const TEXT = { type: 'text', text: 'A text.' };
const REFUSAL = { type: 'refusal', refusal: 'No.' };
const CACHE = { type: 'ephemeral' };

const SAMPLES: Readonly<Record<string, Sample>> = {
  'messages[].role': ofMessage(ASSISTANT, 'role', 'user'),
  'messages[].content': ofMessage(ASSISTANT, 'content', [TEXT]),
  'messages[].name': ofMessage(RESULT, 'name', 'read'),
  'messages[].refusal': ofMessage({ role: 'assistant', content: null }, 'refusal', 'No.'),
  'messages[].audio': ofMessage(ASSISTANT, 'audio', { id: 'audio_1' }),
  'messages[].annotations': ofMessage(ASSISTANT, 'annotations', [{ type: 'url_citation' }]),
  'messages[].tool_calls': ofMessage(ASSISTANT, 'tool_calls', [CALL]),
  'messages[].function_call': ofMessage(ASSISTANT, 'function_call', CALL.function),
  'messages[].tool_call_id': ofMessage(RESULT, 'tool_call_id', 'b'),
  'messages[].reasoning_content': ofMessage(ASSISTANT, 'reasoning_content', 'Hm.'),
  'messages[].reasoning': ofMessage(ASSISTANT, 'reasoning', 'Hm.'),
  'messages[].images': ofMessage(USER, 'images', ['iVBORw0KGgo=']),
  'messages[].cache_control': ofMessage(USER, 'cache_control', CACHE),
  'messages[].tool_calls[function]': ofCall(CALL),
  'messages[].tool_calls[function].id': ofCallMember('id', 'b'),
  'messages[].tool_calls[function].function': ofCallMember('function', { name: 'write' }),
  'messages[].tool_calls[custom]': ofCall({ id: 'a', type: 'custom', custom: { name: 'x' } }),
  'messages[].content[text]': part(TEXT),
  'messages[].content[text].text': partMember(TEXT, 'text', 'Another.'),
  'messages[].content[text].cache_control': partMember(TEXT, 'cache_control', CACHE),
  'messages[].content[refusal]': part(REFUSAL),
  'messages[].content[refusal].refusal': partMember(REFUSAL, 'refusal', 'Never.'),
  'messages[].content[input_text]': part({ type: 'input_text', text: 'A text.' }),
  'messages[].content[output_text]': part({ type: 'output_text', text: 'A text.' }),
  'messages[].content[image_url]': part({ type: 'image_url', image_url: { url: 'data:,' } }),
  'messages[].content[input_image]': part({ type: 'input_image', image_url: 'data:,' }),
  'messages[].content[input_audio]': part({ type: 'input_audio', input_audio: {} }),
  'messages[].content[audio_url]': part({ type: 'audio_url', audio_url: {} }),
  'messages[].content[video_url]': part({ type: 'video_url', video_url: {} }),
  'messages[].content[file]': part({ type: 'file', file: { file_id: 'file-1' } }),
  'messages[].content[input_file]': part({ type: 'input_file', file_id: 'file-1' }),
  'tools[function]': ofTool(TOOL),
  'tools[custom]': ofTool({ type: 'custom', custom: { name: 'x' } }),
  'tools[].function': {
    value: { name: 'write' },
    put: (given) => ({ messages: [USER], tools: [withMember(TOOL, 'function', given)] }),
  },
  'tools[].function.name': ofFunction('name', 'write'),
  'tools[].function.description': ofFunction('description', 'Reads a file.'),
  'tools[].function.parameters': ofFunction('parameters', {
    type: 'object',
    properties: { path: { type: 'string' } },
  }),
  'tools[].function.strict': ofFunction('strict', true),
};

const ROWS = MEMBER_GROUPS.flatMap(({ fields }) => Object.entries(fields));

const named = (kind: FieldRule['kind']): (readonly [string, Sample])[] =>
  ROWS.filter(([, rule]) => rule.kind === kind).map(([field]) => {
    const sample = SAMPLES[field];
    if (sample === undefined) throw new Error(`${field} has no sample`);
    return [field, sample];
  });

/** A place in a body without the numbers of elements and their types. */
const placeOf = (path: string): string => path.replaceAll(/\[\w+\]/g, '[]');

test('each member has a row, and each sample too', () => {
  expect(ROWS.map(([field]) => field).toSorted()).toEqual(Object.keys(SAMPLES).toSorted());
});

describe('a member of a chat', () => {
  let model: Model;
  let template: ChatTemplate;
  beforeAll(async () => {
    model = await openVocabulary();
    template = new ChatTemplate(model, TEMPLATE);
  });
  afterAll(() => model.dispose());

  function promptOf({ put }: Sample, value: unknown): string {
    const body = readShape(ChatBody, put(value));
    const input = toTemplateInput(body, {
      tools: offeredTools(body),
      thinking: readThinking(body),
    });
    return template.render(input).prompt.text;
  }

  test.each(named('honoured'))('that is honoured changes the prompt: %s', (_, sample) => {
    expect(promptOf(sample, sample.value)).not.toBe(promptOf(sample, undefined));
  });

  test.each(named('tolerated'))('that is tolerated changes nothing: %s', (_, sample) => {
    expect(promptOf(sample, sample.value)).toBe(promptOf(sample, undefined));
  });

  test.each(named('refused'))('that is refused is named by the error: %s', (field, sample) => {
    expect(promptOf(sample, undefined)).toContain('Hello');
    let thrown: unknown;
    try {
      promptOf(sample, sample.value);
    } catch (error) {
      thrown = error;
    }

    if (!(thrown instanceof CortexError)) throw new Error('it was accepted');
    expect(thrown.status).toBe(400);
    expect(placeOf(thrown.details.param ?? '')).toStartWith(placeOf(field));
  });
});
