/** Renders the chat template the way the product does and checks every message shape and the append-only property. */
import { readFileSync } from 'node:fs';
import assert from 'node:assert/strict';
import { getLlama } from 'node-llama-cpp';

const source = readFileSync(new URL('template.jinja', import.meta.url), 'utf8');
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: 1 });
// @ts-expect-error the renderer is not in the library's public types
const renderer = new llama._bindings.AddonJinjaRenderer(source);

interface Options {
  tools?: unknown[];
  enable_thinking?: boolean;
  add_generation_prompt?: boolean;
}

function render(messages: unknown[], options: Options = {}): string {
  const tokens = { bos_token: '<|endoftext|>', eos_token: '<|im_end|>' };
  return renderer.render({ messages, add_generation_prompt: true, ...tokens, ...options });
}

const start = (role: string) => `<|im_start|>${role}\n`;
const end = '<|im_end|>\n';
const noThought = '<think>\n\n</think>\n\n';
const answer = start('assistant') + noThought;
const weather = {
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};
const weatherJson =
  '{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}';
const toolBlock =
  `# Tools\n\n<tools>\n${weatherJson}\n</tools>\n\n` +
  'To call one, answer with its name and arguments as JSON inside <tool_call></tool_call>.';
const user = { role: 'user', content: 'Hi' };
const userText = `${start('user')}Hi${end}`;
const call = { id: 'c1', type: 'function', function: { name: 'get_weather', arguments: { city: 'Paris' } } };
const callText = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>';

const cases: [string, unknown[], Options, string][] = [
  ['one user turn', [user], {}, userText + answer],
  ['thinking on', [user], { enable_thinking: true }, userText + start('assistant')],
  ['thinking off by name', [user], { enable_thinking: false }, userText + answer],
  ['no generation prompt', [user], { add_generation_prompt: false }, userText],
  [
    'system, developer and a later system message',
    [{ role: 'system', content: 'A' }, { role: 'developer', content: 'B' }, user, { role: 'system', content: 'C' }],
    {},
    `${start('system')}A${end}${start('system')}B${end}${userText}${start('system')}C${end}${answer}`,
  ],
  ['tools without a system message', [user], { tools: [weather] }, start('system') + toolBlock + end + userText + answer],
  [
    'tools after the system text',
    [{ role: 'system', content: 'Be kind.' }, { role: 'system', content: 'B' }, user],
    { tools: [weather] },
    `${start('system')}Be kind.\n\n${toolBlock}${end}${start('system')}B${end}${userText}${answer}`,
  ],
  ['no tools in the list', [user], { tools: [] }, userText + answer],
  [
    'content parts',
    [{ role: 'user', content: [{ type: 'text', text: 'A' }, { type: 'image_url' }, { type: 'text', text: 'B' }] }],
    {},
    `${start('user')}AB${end}${answer}`,
  ],
  [
    'tool calls, null content, results in one turn',
    [
      user,
      { role: 'assistant', content: null, tool_calls: [call, call] },
      { role: 'tool', tool_call_id: 'c1', content: 'rain' },
      { role: 'tool', tool_call_id: 'c2', content: [{ type: 'text', text: 'sun' }] },
    ],
    {},
    `${userText}${answer}${callText}\n${callText}${end}${start('user').slice(0, -1)}` +
      '\n<tool_response>\nrain\n</tool_response>\n<tool_response>\nsun\n</tool_response>' +
      end +
      answer,
  ],
  [
    'content before a call, arguments as a string',
    [
      user,
      {
        role: 'assistant',
        content: 'Let me look.',
        tool_calls: [{ type: 'function', function: { name: 'get_weather', arguments: '{"city": "Paris"}' } }],
      },
    ],
    { add_generation_prompt: false },
    `${userText}${answer}Let me look.\n${callText}${end}`,
  ],
  [
    'a call without arguments, without content',
    [user, { role: 'assistant', tool_calls: [{ type: 'function', function: { name: 'now' } }] }],
    { add_generation_prompt: false },
    `${userText}${answer}<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>${end}`,
  ],
  [
    'reasoning of an earlier turn',
    [user, { role: 'assistant', content: 'Hello', reasoning_content: 'A greeting.\n' }, user],
    {},
    `${userText}${start('assistant')}<think>\nA greeting.\n</think>\n\nHello${end}${userText}${answer}`,
  ],
  [
    'reasoning inside the content',
    [user, { role: 'assistant', content: '<think>\nA greeting.\n</think>\n\nHello' }],
    { add_generation_prompt: false },
    `${userText}${start('assistant')}<think>\nA greeting.\n</think>\n\nHello${end}`,
  ],
  [
    'null and missing content',
    [{ role: 'user', content: null }, { role: 'assistant' }, user],
    {},
    `${start('user')}${end}${answer}${end}${userText}${answer}`,
  ],
];

let failures = 0;
function check(name: string, test: () => void): void {
  try {
    test();
  } catch (error) {
    failures += 1;
    console.error(`FAILED ${name}\n${error instanceof Error ? error.message : String(error)}`);
  }
}

for (const [name, messages, options, expected] of cases) {
  check(name, () => assert.equal(render(messages, options), expected));
}

const conversation = [
  { role: 'system', content: 'Be kind.' },
  user,
  { role: 'assistant', content: 'Hello!' },
  { role: 'user', content: 'Weather?' },
  { role: 'assistant', content: '', reasoning_content: 'Look it up.', tool_calls: [call] },
  { role: 'tool', tool_call_id: 'c1', content: '{"sky": "rain"}' },
  { role: 'assistant', content: 'Rain.' },
  { role: 'developer', content: 'Be brief.' },
  { role: 'user', content: 'Thanks' },
  { role: 'assistant', content: '  You are welcome.\n' },
  user,
];
for (const options of [{}, { tools: [weather] }, { enable_thinking: true }, { tools: [weather], enable_thinking: true }]) {
  conversation.forEach((message, index) => {
    if (message.role !== 'assistant') return;
    check(`append-only up to message ${index} with ${JSON.stringify(options)}`, () => {
      const asked = render(conversation.slice(0, index), options);
      const later = render(conversation, options);
      const isPlain = !('reasoning_content' in message) || options.enable_thinking === true;
      assert.ok(later.startsWith(isPlain ? asked : asked.slice(0, -noThought.length)), `${asked}\n--\n${later}`);
    });
  });
}

console.log(failures === 0 ? `template: ${cases.length} cases and the append-only property hold` : `${failures} failed`);
process.exit(failures === 0 ? 0 : 1);
