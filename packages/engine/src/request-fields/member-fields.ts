import { elements, honoured, refusedFor, tolerated } from '@cortex/protocol';

import type { FieldGroup } from './field-group.ts';

const CACHED = tolerated('the beginnings of all prompts are cached');
const TEXT = honoured('a text');
const AS_TEXT = 'its content as text';
const FOR_TEMPLATE = 'where the template prints it';

/**
 * Members of messages and tools, which the schema of a chat and its template read. A member that is not here is a
 * variable of the template.
 */
export const MEMBER_GROUPS: readonly FieldGroup[] = [
  {
    knownTo: 'OpenAI',
    routes: ['chat'],
    fields: {
      'messages[].role': honoured(
        '`system`, `developer`, `user`, `assistant`, `tool`, or `function`, the older name of `tool`',
      ),
      'messages[].content': honoured('a string, parts or `null`; of `tool` also an object'),
      'messages[].name': honoured(`of \`tool\`: the function; of others: ${FOR_TEMPLATE}`),
      'messages[].refusal': honoured('the text of the assistant, without `content`'),
      'messages[].audio': refusedFor('the text of the answer'),
      'messages[].annotations': tolerated('the model does not see what a text cites'),
      'messages[].tool_calls': honoured('calls of the assistant'),
      'messages[].function_call': honoured('the older form of `tool_calls`'),
      'messages[].tool_call_id': honoured('the call that a result belongs to'),
      'tools[].function': honoured('its members are below'),
      'tools[].function.name': honoured('its name'),
      'tools[].function.description': honoured('its description'),
      'tools[].function.parameters': honoured('the schema of its arguments, enforced'),
      'tools[].function.strict': honoured(`schemas are always enforced; shown ${FOR_TEMPLATE}`),
      ...elements('tools', {
        function: honoured('a function'),
        custom: refusedFor('a function'),
      }),
      ...elements('messages[].tool_calls', {
        function: honoured('a call of a function'),
        'function.id': honoured('names the call for its result'),
        'function.function': honoured('`name` and `arguments`, JSON text or an object'),
        custom: refusedFor('a call of a function'),
      }),
      ...elements('messages[].content', {
        text: TEXT,
        'text.text': honoured('its text'),
        refusal: TEXT,
        'refusal.refusal': honoured('its text'),
        image_url: refusedFor('a model with vision'),
        input_audio: refusedFor(AS_TEXT),
        file: refusedFor(AS_TEXT),
      }),
    },
  },
  {
    knownTo: 'OpenAI (Responses)',
    routes: ['chat'],
    fields: elements('messages[].content', {
      input_text: TEXT,
      output_text: TEXT,
      input_image: refusedFor('a model with vision'),
      input_file: refusedFor(AS_TEXT),
    }),
  },
  {
    knownTo: 'DeepSeek, llama-server, vLLM',
    routes: ['chat'],
    fields: {
      'messages[].reasoning_content': honoured(
        'thoughts of the assistant, where the template shows them',
      ),
    },
  },
  {
    knownTo: 'vLLM, OpenRouter',
    routes: ['chat'],
    fields: {
      'messages[].reasoning': honoured('as `reasoning_content`'),
      ...elements('messages[].content', {
        video_url: refusedFor(AS_TEXT),
        audio_url: refusedFor(AS_TEXT),
      }),
    },
  },
  {
    knownTo: 'Ollama',
    routes: ['chat'],
    fields: { 'messages[].images': refusedFor('a model with vision') },
  },
  {
    knownTo: 'Anthropic',
    routes: ['chat'],
    fields: {
      'messages[].cache_control': CACHED,
      ...elements('messages[].content', { 'text.cache_control': CACHED }),
    },
  },
];
