import { readShape } from '@cortex/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Model } from '../src/llama/binding.ts';
import { readOutputFormat } from '../src/llama/parsers/choose-parser.ts';
import { ChatBody } from '../src/llama/request/chat-body.ts';
import { ControlTexts } from '../src/llama/request/control-texts.ts';
import { prepareChat } from '../src/llama/prepare/prepare-chat.ts';
import { partsOfPrompt, type RenderedPrompt } from '../src/llama/request/prompt-parts.ts';
import { ChatTemplate } from '../src/llama/templates/chat-template.ts';
import { CORPUS, type CorpusTemplate } from './fixtures/template-corpus.ts';
import { openVocabulary } from './llama-under-test.ts';

/**
 * Matches texts in a template that look like control tokens. Markers of reasoning are user-defined tokens in most
 * vocabularies.
 */
const LOOKS =
  /<[|｜][^|｜<>\n]+[|｜]>|<\/?s>|\[\/?(?:INST|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]|<(?:start|end)_of_turn>/g;

/** The same conversation with `text` in every field of the caller. */
const conversation = (text: string, tools: boolean) => ({
  messages: [
    { role: 'system', content: `Be brief. ${text}` },
    { role: 'user', content: `${text}Where is it?${text}` },
    ...(tools
      ? [
          {
            role: 'assistant',
            content: null,
            tool_calls: [
              {
                id: 'call12345',
                type: 'function',
                function: {
                  name: 'find',
                  arguments: JSON.stringify({ place: `the ${text}`, [`k${text}`]: [text] }),
                },
              },
            ],
          },
          { role: 'tool', tool_call_id: 'call12345', content: `By the ${text} sea "${text}".` },
        ]
      : []),
    { role: 'assistant', content: `There ${text}.` },
    { role: 'user', content: `And ${text}?` },
  ],
  ...(tools && {
    tools: [
      {
        type: 'function',
        function: {
          name: 'find',
          description: `Finds ${text}`,
          parameters: {
            type: 'object',
            properties: { place: { type: 'string', description: text, enum: [text, 'b'] } },
          },
        },
      },
    ],
  }),
});

const NONE = new ControlTexts([]);

/** The texts of a prompt that become control tokens, in order. */
function controlsIn(prompt: RenderedPrompt, controls: ControlTexts): readonly string[] {
  return partsOfPrompt(prompt, { all: controls, alwaysRead: NONE }).flatMap(
    ({ text, parseSpecial }) =>
      parseSpecial ? Array.from(controls.in(text), ({ start, end }) => text.slice(start, end)) : [],
  );
}

describe('the text of a control token', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openVocabulary();
  });
  afterAll(() => model.dispose());

  test.each(CORPUS.map((template) => [template.name, template] as const))(
    'stays text in every field of a request, with the template %s',
    (_, { source }: CorpusTemplate) => {
      const controlTexts = [
        ...new Set([...Array.from(source.matchAll(LOOKS), ([text]) => text), '<|im_end|>', '</s>']),
      ];
      const format = readOutputFormat(source);
      const template = new ChatTemplate(
        {
          compileTemplate: (text) => model.compileTemplate(text),
          bosText: '<s>',
          eosText: '</s>',
        },
        source,
        { controlTexts, reasoning: [] },
      );
      const controls = new ControlTexts(controlTexts);
      const render = (text: string): RenderedPrompt => {
        const body = readShape(ChatBody, conversation(text, format.tools !== undefined));
        return prepareChat(body, { template, format }).prompt;
      };
      const said = controlTexts.join(' and ');

      const prompt = render(said);

      expect(controlsIn(prompt, controls)).toEqual(controlsIn(render('zzz'), controls));
      expect(prompt.text).toContain(said);
      expect(
        partsOfPrompt(prompt, { all: controls, alwaysRead: NONE })
          .map(({ text }) => text)
          .join(''),
      ).toBe(prompt.text);
    },
  );
});
