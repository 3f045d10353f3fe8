import { readShape } from '@cortex/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Model } from '../src/llama/binding.ts';
import { readOutputFormat } from '../src/llama/parsers/choose-parser.ts';
import { ChatBody } from '../src/llama/request/chat-body.ts';
import { readThinking } from '../src/llama/request/thinking-fields.ts';
import { prepareChat } from '../src/llama/prepare/prepare-chat.ts';
import { RequestReader } from '../src/llama/prepare/request-reader.ts';
import { ChatTemplate, toTemplateInput } from '../src/llama/templates/chat-template.ts';
import { readNeeds } from '../src/llama/templates/template-needs.ts';
import { Tokenizer } from '../src/llama/tokenizer.ts';
import { CORPUS, corpusNames, type CorpusTemplate } from './fixtures/template-corpus.ts';
import { openVocabulary } from './llama-under-test.ts';

const user = { role: 'user', content: 'Where is the harbour?' };
const system = { role: 'system', content: 'Be brief, like a sailor.' };
const tool = (more: object = {}) => ({
  type: 'function',
  function: { name: 'find_place', ...more },
});
const FULL = tool({
  description: 'Finds a place.',
  parameters: {
    type: 'object',
    properties: { place: { type: 'string', description: 'Its name.' } },
    required: ['place'],
  },
});
const call = (id: string, place: string) => ({
  id,
  type: 'function',
  function: { name: 'find_place', arguments: JSON.stringify({ place }) },
});
const called = { role: 'assistant', content: null, tool_calls: [call('call_1a2b3c', 'harbour')] };
const result = { role: 'tool', tool_call_id: 'call_1a2b3c', content: 'by the sea' };
const ROUND = [user, called, result];

const asked = user.content;
const CHATS = {
  'a plain question': [{ messages: [user] }, [asked]],
  'a system message': [{ messages: [system, user] }, [asked, system.content]],
  'the developer role': [
    { messages: [{ ...system, role: 'developer' }, user] },
    [asked, system.content],
  ],
  'two system messages': [
    { messages: [system, { role: 'developer', content: 'In verse.' }, user] },
    [asked, system.content, 'In verse.'],
  ],
  'a late system message': [
    {
      messages: [
        system,
        user,
        { role: 'assistant', content: 'There.' },
        { ...system, content: 'In prose.' },
        user,
      ],
    },
    [asked, system.content, 'There.', 'In prose.'],
  ],
  'two questions in a row': [
    { messages: [user, { ...user, content: 'And why?' }] },
    [asked, 'And why?'],
  ],
  'text in parts': [
    { messages: [{ role: 'user', content: [{ type: 'text', text: asked }] }] },
    [asked],
  ],
  'thinking switched off': [{ messages: [user], enable_thinking: false }, [asked]],
} as const;

const TOOL_CHATS = {
  tools: [{ messages: [user], tools: [FULL] }, [asked, 'find_place']],
  'a tool with only a name': [{ messages: [user], tools: [tool()] }, [asked, 'find_place']],
  'a round of tools': [{ messages: ROUND, tools: [FULL] }, [asked, 'harbour', 'by the sea']],
  'a round of two tools': [
    {
      messages: [
        user,
        { ...called, tool_calls: [call('call_a', 'harbour'), call('call_b', 'lighthouse')] },
        { ...result, tool_call_id: 'call_a' },
        { ...result, tool_call_id: 'call_b', content: 'on the rock' },
      ],
      tools: [FULL],
    },
    [asked, 'harbour', 'lighthouse', 'by the sea', 'on the rock'],
  ],
  'a question after a round of tools': [
    { messages: [...ROUND, { role: 'assistant', content: 'By the sea.' }, user], tools: [FULL] },
    [asked, 'harbour', 'by the sea', 'By the sea.'],
  ],
} as const;

/** Templates that continue after tool results without a header, as these models were trained. */
const NO_HEADER_BEHIND_RESULTS = [
  'deepseek-ai-DeepSeek-V3.1',
  'deepseek-ai-DeepSeek-R1',
  'llama-cpp-deepseek-r1',
];

/** Templates that print no calls of earlier turns. */
const NO_CALLS_PRINTED = ['LFM2-8B-A1B', 'LFM2.5-Instruct', 'ibm-granite-granite-3.3-2B-Instruct'];

const BOS = '<|endoftext|>';

const CALLING = CORPUS.filter(({ family }) => family !== undefined).map(
  (template) => [template.name, template] as const,
);

describe('the chat templates of llama.cpp', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openVocabulary();
  });
  afterAll(() => model.dispose());

  const compile = ({ source }: CorpusTemplate): ChatTemplate =>
    new ChatTemplate(
      {
        compileTemplate: (text) => model.compileTemplate(text),
        bosText: BOS,
        eosText: '<|im_end|>',
      },
      source,
    );
  const chatOf = (template: CorpusTemplate) => ({
    template: compile(template),
    format: readOutputFormat(template.source),
  });

  test('are all listed in the table of this test', () => {
    expect(CORPUS.map(({ name }) => name).toSorted()).toEqual(corpusNames().toSorted());
  });

  test.each(CORPUS.map((template) => [template.name, template] as const))(
    '%s: its family, reasoning markers and needs are detected',
    (_, template) => {
      const format = readOutputFormat(template.source);
      const compiled = model.compileTemplate(template.source);
      const { showsTools, reasoningMember, ...needs } = readNeeds((given) =>
        compiled({ ...given, bos_token: BOS, eos_token: '', add_generation_prompt: true }),
      );
      const needed = Object.entries(needs).flatMap(([name, isNeeded]) => (isNeeded ? [name] : []));
      const isOwnMember = reasoningMember !== 'reasoning_content';

      expect({
        family: format.tools?.name,
        reasoning: format.tools?.channels === undefined ? format.reasoning?.open : 'channels',
        needs: [
          ...(showsTools ? [] : ['hidesTools']),
          ...needed,
          ...(isOwnMember ? [`reasoningMember=${reasoningMember}`] : []),
        ],
      }).toEqual({
        family: template.family,
        reasoning: template.reasoning,
        needs: [...template.needs],
      });
    },
  );

  test.each(CORPUS.map((template) => [template.name, template] as const))(
    '%s: every conversation is rendered completely and ends with the start of the answer',
    (_, template) => {
      const chatTemplate = compile(template);
      for (const [what, [body, words]] of Object.entries(CHATS)) {
        const prompt = render(chatTemplate, body);

        expect({ what, missing: words.filter((word) => !prompt.includes(word)) }).toEqual({
          what,
          missing: [],
        });
        expect({ what, end: prompt.slice(endOf(prompt, asked, 'And why?')) }).not.toEqual({
          what,
          end: '',
        });
      }
    },
  );

  test.each(CALLING)(
    '%s: the prompt contains the tools, the calls and their results',
    (_, template) => {
      const chat = chatOf(template);
      for (const [what, [body, words]] of Object.entries(TOOL_CHATS)) {
        const prompt = prepareChat(readShape(ChatBody, body), chat).prompt.text;

        const isPrinted = (word: string): boolean =>
          word !== 'lighthouse' || !NO_CALLS_PRINTED.includes(template.name);
        const missing = words.filter((word) => isPrinted(word) && !prompt.includes(word));
        expect({ what, missing }).toEqual({ what, missing: [] });
        // Neither a second level of quotes nor the notation of another language.
        expect(prompt).not.toMatch(/\{\\"place|\{'place/);
        const isBehindResult = body.messages.at(-1)?.role === 'tool';
        if (
          isBehindResult &&
          NO_HEADER_BEHIND_RESULTS.some((name) => template.name.startsWith(name))
        )
          continue;
        expect(prompt.slice(endOf(prompt, asked, 'by the sea', 'on the rock'))).not.toBe('');
      }
    },
  );

  test.each(CALLING)('%s: the prompt is the same with every tool_choice', (_, template) => {
    const other = tool();
    const offered = [{ ...other, function: { ...other.function, name: 'add' } }, FULL];
    const prompt = (more: object): string => {
      const body = { messages: ROUND, tools: offered, ...more };
      return prepareChat(readShape(ChatBody, body), chatOf(template)).prompt.text;
    };

    const choices = [
      'none',
      'required',
      { type: 'function', function: { name: 'add' } },
      { type: 'allowed_tools', mode: 'auto', tools: [FULL] },
    ];
    const auto = prompt({});
    expect(auto).toContain('add');
    for (const tool_choice of choices) expect(prompt({ tool_choice })).toBe(auto);
  });

  test.each([
    ['Qwen-Qwen3-0.6B', ['<tool_call>', '</tool_call>']],
    ['CohereForAI-c4ai-command-r7b-12-2024-tool_use', ['<|START_ACTION|>', '<|END_ACTION|>']],
    // Every message has its markers.
    ['openai-gpt-oss-120b', []],
  ])('%s: tool_choice "none" bans %j', (name, banned) => {
    const prepare = (more: object) =>
      prepareChat(readShape(ChatBody, { messages: [user], ...more }), chatOf(named(name)));

    expect(prepare({ tools: [FULL], tool_choice: 'none' }).bannedTexts).toEqual(banned);
    expect(prepare({ tools: [FULL] }).bannedTexts).toEqual([]);
    expect(prepare({ tool_choice: 'none' }).bannedTexts).toEqual([]);
  });

  test.each(CALLING)('%s: the grammar of its calls compiles', (_, template) => {
    const body = { messages: [user], tools: [FULL], tool_choice: 'required' };
    const { grammar } = prepareChat(readShape(ChatBody, body), chatOf(template));

    expect(() => model.createGrammarState(grammar ?? '')).not.toThrow();
  });

  test.each([
    ['tools', { tools: [FULL], tool_choice: 'required' }],
    ['response_format', { response_format: { type: 'json_object' } }],
  ])('a grammar that the library refuses is an error about "%s"', async (param, asked) => {
    const qwen3 = named('Qwen-Qwen3-0.6B');
    const reader = new RequestReader({
      model: {
        recommendedSampling: model.recommendedSampling,
        createGrammarState: () => {
          throw new Error('failed to parse grammar');
        },
      },
      tokenizer: new Tokenizer(model.vocabulary),
      chat: chatOf(qwen3),
      limits: { contextTokens: 4096, slots: 1 },
      params: {},
    });
    const body = { messages: [user], ...asked };

    const request = { id: 'r', route: 'chat', body, principal: 'test', requestId: 'r' } as const;
    const read = reader.read(request, () => undefined);

    await expect(read).rejects.toMatchObject({ code: 'invalid_request', details: { param } });
  });

  test.each(
    CORPUS.filter(({ family }) => family === undefined).map((one) => [one.name, one] as const),
  )('%s: tools are refused because the call format is unknown', (_, template) => {
    const body = { messages: [user], tools: [FULL] };
    const prepare = (more: object) =>
      prepareChat(readShape(ChatBody, { ...body, ...more }), chatOf(template));

    expect(() => prepare({})).toThrow('This model cannot call tools.');
    expect(prepare({ tool_choice: 'none' }).prompt.text).not.toContain('find_place');
  });

  test('a template like that of Phi-4-mini gets the tools between its markers', () => {
    const source =
      "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}{% if message['tools'] %}<|tool|>{{ message.tools }}<|/tool|>{% endif %}<|end|>{% endfor %}<|assistant|>";
    const chat = chatOf({ ...named('google-gemma-2-2b-it'), source });
    const body = readShape(ChatBody, { messages: [system, user], tools: [FULL] });

    expect(prepareChat(body, chat).prompt.text).toMatch(
      /^<\|system\|>[^]*<\|tool\|>\[\{[^]*"find_place"[^]*"place"[^]*\}\]<\|\/tool\|>[^]*Be brief, like a sailor\.[^]*<\|user\|>/,
    );
  });

  test('an exception in a template is an error with its message', () => {
    const gemma = named('google-gemma-2-2b-it');

    expect(() => render(compile(gemma), { messages: ROUND })).toThrow(
      "The model's chat template refuses this conversation: Conversation roles must alternate user/assistant/user/assistant/...",
    );
  });

  test.each([
    ['Qwen-Qwen3-0.6B', { enable_thinking: false }, '<think>\n\n</think>'],
    ['Qwen3.5-4B', { chat_template_kwargs: { enable_thinking: false } }, '<think>\n\n</think>'],
    ['openai-gpt-oss-120b', { reasoning_effort: 'high' }, 'Reasoning: high'],
    [
      'openai-gpt-oss-120b',
      { chat_template_kwargs: { model_identity: 'You are Ada.' } },
      'You are Ada.',
    ],
    [
      'deepseek-ai-DeepSeek-V3.1',
      { chat_template_kwargs: { thinking: true } },
      '<｜Assistant｜><think>',
    ],
  ])('%s renders %j', (name, more, expected) => {
    expect(render(compile(named(name)), { messages: [user], ...more })).toContain(expected);
  });

  test.each([
    ['Qwen-Qwen3-0.6B', '<think>\nAsk the map.\n</think>'],
    ['Qwen3.5-4B', '<think>\nAsk the map.\n</think>'],
    ['openai-gpt-oss-120b', '<|channel|>analysis<|message|>Ask the map.<|end|>'],
    ['ByteDance-Seed-OSS', '<seed:think>Ask the map.</seed:think>'],
    ['GLM-4.6', '<think>Ask the map.</think>'],
  ])('%s renders the reasoning before a call in its own form', (name, expected) => {
    const messages = [user, { ...called, reasoning_content: 'Ask the map.' }, result];

    expect(render(compile(named(name)), { messages, tools: [FULL] })).toContain(expected);
  });

  test('an empty tool_calls list, and empty content with calls, count as absent', () => {
    const template = compile(named('meta-llama-Llama-3.1-8B-Instruct'));
    const said = { role: 'assistant', content: 'There.' };
    const withList = render(template, { messages: [user, { ...said, tool_calls: [] }, user] });
    const r1 = compile(named('deepseek-ai-DeepSeek-R1-Distill-Qwen-32B'));

    expect(withList).toBe(render(template, { messages: [user, said, user] }));
    expect(render(r1, { messages: [user, { ...called, content: '' }, result] })).toBe(
      render(r1, { messages: ROUND }),
    );
  });

  test('call ids are shortened for templates that require it, and a call and its result keep the same id', () => {
    const prompt = render(compile(named('mistralai-Mistral-Nemo-Instruct-2407')), {
      messages: ROUND,
    });
    const [id = ''] = /"id": "([a-zA-Z0-9]{9})"/.exec(prompt)?.slice(1) ?? [];

    expect(prompt).toContain(`"call_id": "${id}"`);
  });

  test('parallel calls become one message per call, each with its result, for templates that take one call', () => {
    const [body] = TOOL_CHATS['a round of two tools'];
    const prompt = render(compile(named('meta-llama-Llama-3.1-8B-Instruct')), body);

    expect(prompt).toMatch(/"harbour"[^]*by the sea[^]*"lighthouse"[^]*on the rock/);
  });

  test('only added tokens can be banned as markers: ordinary text needs the others', () => {
    const tokenizer = new Tokenizer(model.vocabulary);
    const [bos] = model.vocabulary.tokenize(BOS, { parseSpecial: true });

    expect(tokenizer.addedToken(BOS)).toBe(bos);
    expect(model.vocabulary.tokenize('a', { parseSpecial: true })).toHaveLength(1);
    expect(tokenizer.addedToken('a')).toBeUndefined();
    expect(tokenizer.addedToken('<function of a city')).toBeUndefined();
  });

  test('a prompt starts with exactly one BOS, whether or not the template prints it', async () => {
    const [bosToken = -1] = model.vocabulary.tokenize(BOS, { parseSpecial: true });
    const tokenizer = new Tokenizer({
      bosToken,
      controlTexts: [],
      gapTokens: undefined,
      alwaysReadTexts: [],
      bytesOf: () => new Uint8Array(),
      isAdded: () => false,
      size: model.vocabulary.size,
      longestTokenBytes: model.vocabulary.longestTokenBytes,
      piecesOf: (text) => model.vocabulary.piecesOf(text),
      tokenize: (text, options) => model.vocabulary.tokenize(text, options),
      detokenize: (tokens) => model.vocabulary.detokenize(tokens),
      isEndOfGeneration: (token) => model.vocabulary.isEndOfGeneration(token),
    });
    for (const template of CORPUS) {
      const prompt = render(compile(template), { messages: [user] });
      const tokens = await tokenizer.rendered({ text: prompt, breaks: [] }, () => undefined);

      expect([template.name, ...tokens.filter((token) => token === bosToken)]).toEqual([
        template.name,
        bosToken,
      ]);
      expect(tokens[0]).toBe(bosToken);
    }
  });
});

function render(template: ChatTemplate, body: object): string {
  const read = readShape(ChatBody, body);
  const thinking = readThinking(read);
  const tools = read.tools ?? [];
  return template.render(toTemplateInput(read, { tools, thinking })).prompt.text;
}

/** The end of the last of `words`. */
const endOf = (prompt: string, ...words: readonly string[]): number =>
  Math.max(...words.map((word) => prompt.lastIndexOf(word) + word.length));

function named(name: string): CorpusTemplate {
  const template = CORPUS.find((one) => one.name === name);
  if (template === undefined) throw new Error(`${name} is not in the corpus`);
  return template;
}
