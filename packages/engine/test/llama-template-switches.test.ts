/** Template options of a request, with the templates of llama.cpp's tests. */
import { readShape } from '@cortex/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';

import type { Model } from '../src/llama/binding.ts';
import { ChatBody } from '../src/llama/request/chat-body.ts';
import { readThinking } from '../src/llama/request/thinking-fields.ts';
import { ChatTemplate, toTemplateInput } from '../src/llama/templates/chat-template.ts';
import { dateVariables } from '../src/llama/templates/dates.ts';
import { CORPUS } from './fixtures/template-corpus.ts';
import { openVocabulary } from './llama-under-test.ts';

const messages = [{ role: 'user', content: 'Where?' }];

/** Templates that can only switch thinking on and off, and their variable. */
const SWITCHED: readonly (readonly [name: string, variable: string])[] = [
  ['Qwen-Qwen3-0.6B', 'enable_thinking'],
  ['google-gemma-4-31B-it', 'enable_thinking'],
  ['GLM-4.6', 'enable_thinking'],
  ['deepseek-ai-DeepSeek-V3.1', 'thinking'],
  ['ibm-granite-granite-3.3-2B-Instruct', 'thinking'],
  ['Cohere2MoE', 'reasoning'],
];

describe('a chat template', () => {
  let model: Model;
  beforeAll(async () => {
    model = await openVocabulary();
  });
  afterAll(() => model.dispose());

  function render(name: string, more: object): string {
    const source = CORPUS.find((one) => one.name === name)?.source;
    if (source === undefined) throw new Error(`${name} is not in the corpus`);
    const body = readShape(ChatBody, { messages, ...more });
    const input = toTemplateInput(body, { tools: [], thinking: readThinking(body) });
    return new ChatTemplate(model, source).render(input).prompt.text;
  }

  const kwargs = (variables: object) => ({ chat_template_kwargs: variables });

  test.each(SWITCHED)('of %s is switched by reasoning_effort as by %s', (name, variable) => {
    const [off, on] = [false, true].map((isOn) => render(name, kwargs({ [variable]: isOn })));

    expect(on).not.toBe(off ?? '');
    for (const effort of ['none', 'minimal'])
      expect(render(name, { reasoning_effort: effort })).toBe(off ?? '');
    for (const effort of ['low', 'medium', 'high', 'xhigh'])
      expect(render(name, { reasoning_effort: effort })).toBe(on ?? '');
    expect(render(name, { think: false })).toBe(off ?? '');
  });

  test.each(['low', 'medium', 'high'])('with effort levels gets the effort %s', (effort) => {
    expect(render('openai-gpt-oss-120b', { reasoning_effort: effort })).toContain(
      `Reasoning: ${effort}`,
    );
  });

  test.each([
    'meta-llama-Llama-3.1-8B-Instruct',
    'meta-llama-Llama-3.2-3B-Instruct',
    'meta-llama-Llama-3.3-70B-Instruct',
  ])('of %s prints the current date, or the date in the request', (name) => {
    const { date_string: today } = dateVariables(new Date());

    expect(render(name, {})).toContain(`Today Date: ${today}`);
    expect(render(name, kwargs({ date_string: '01 Jan 1999' }))).toContain('Date: 01 Jan 1999');
  });

  test('gets dates in the form that its model expects', () => {
    expect(dateVariables(new Date('2026-03-04T15:16:17Z'))).toEqual({
      date_string: expect.stringMatching(/^0[345] Mar 2026$/),
      datetime: 'Mar 04 2026 15:00:00 GMT',
    });
  });

  test('gets documents if it reads them, and refuses them by name otherwise', () => {
    const documents = [{ title: 'Map', text: 'The harbour lies east.', doc_id: 0 }];

    expect(render('ibm-granite-granite-3.3-2B-Instruct', { documents })).toContain(
      'The harbour lies east.',
    );
    expect(() => render('Qwen-Qwen3-0.6B', { documents })).toThrow('"documents"');
  });
});
