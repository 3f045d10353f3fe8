import { expect, test } from 'bun:test';

import { CortexError } from '@cortex/protocol';

import type { EngineCapability } from '../../engine/load.ts';
import {
  answerOf,
  ask,
  chat,
  chatOf,
  collect,
  refusalOf,
  type Section,
  thrownBy,
} from '../subject.ts';
import { answering, completions, insert } from './answering.ts';
import { embedding } from './embedding.ts';
import { promptCache, slotState } from './keeping.ts';
import { estimating } from './memory.ts';
import { rerank } from './rerank.ts';
import { structured } from './structured.ts';
import { tools } from './tools.ts';
import { lora, speculation } from './variants.ts';

const reasoning: Section = (subject, options) => {
  test('reasoning arrives as reasoning before the text, and is counted', async () => {
    if (options.reasoning === undefined)
      throw new Error('`reasoning` is claimed: give `reasoning`');

    const answer = await answerOf(ask(subject().engine, options.reasoning.body));

    expect(answer.reasoning).toMatch(/\S/);
    expect(`${answer.reasoning}${answer.text}`).not.toContain('<think>');
    expect(answer.last.usage.reasoningTokens).toBeWithin(1, answer.last.usage.completionTokens + 1);
    const kinds = answer.items.map((item) => (item.reasoning === undefined ? 'text' : 'reasoning'));
    expect(kinds).toEqual(kinds.toSorted());
  });
};

/** A byte-level vocabulary restores every text. */
const ANY_TEXT = {
  text: 'Grüße, 世界 🙂 — plain words too.',
  back: 'Grüße, 世界 🙂 — plain words too.',
};

const tokenizer: Section = (subject, { claims, roundTrip = ANY_TEXT }) => {
  test('detokenize restores the text that tokenize split', async () => {
    const { engine } = subject();

    const tokens = await engine.tokenize(roundTrip.text, {
      addSpecial: false,
      parseSpecial: false,
    });

    expect(tokens.length).toBeGreaterThan(0);
    expect(await engine.detokenize(tokens)).toBe(roundTrip.back);
  });

  if (!claims.includes('chat')) return;
  test('count gives the number of prompt tokens that generate reports', async () => {
    const { engine } = subject();
    const { promptTokens } = await collect(ask(engine, chatOf(1)));

    expect(await engine.count(chatOf(1))).toBe(promptTokens ?? -1);
  });

  test('template renders the turns of a chat', async () => {
    const prompt = await subject().engine.applyTemplate(chat('Where is the lighthouse?'));

    expect(prompt).toContain('Where is the lighthouse?');
  });

  test('count refuses a body that is not a chat', async () => {
    const refused = await thrownBy(subject().engine.count({ messages: 7 }));

    expect(refused).toBeInstanceOf(CortexError);
    expect(refused).toMatchObject({ code: 'invalid_request', details: { param: 'messages' } });
  });
};

const choices: Section = (subject) => {
  test('n choices come from one prompt, each with its own finish reason', async () => {
    const body = chatOf(6, { n: 2, temperature: 1, seed: 3 });

    const { items, last } = await answerOf(ask(subject().engine, body));

    expect(last.finish.map(({ reason }) => reason)).toEqual(['length', 'length']);
    expect(new Set(items.map((item) => item.index ?? 0))).toEqual(new Set([0, 1]));
    expect(last.usage.completionTokens).toBe(12);
  });
};

const logprobs: Section = (subject) => {
  test('logprobs belong to the tokens of the text', async () => {
    const body = chatOf(6, { logprobs: true, top_logprobs: 2 });

    const { items } = await answerOf(ask(subject().engine, body));

    const tokens = items.flatMap((item) => item.logprobs ?? []);
    expect(tokens.length).toBe(6);
    for (const token of tokens) {
      expect(token.logprob).toBeLessThanOrEqual(0);
      expect(token.top).toBeArrayOfSize(2);
    }
  });
};

/** The section of each capability. An engine cannot claim a capability without tests. */
export const CAPABILITY_SECTIONS = {
  chat: answering,
  completions,
  tools,
  reasoning,
  tokenizer,
  insert,
  embedding,
  rerank,
  choices,
  logprobs,
  structured,
  estimate: estimating,
  prompt_cache: promptCache,
  state: slotState,
  speculation,
  lora,
} as const satisfies Record<EngineCapability, Section>;

/** Every capability that an engine can claim. */
export const CAPABILITIES: readonly string[] = Object.keys(CAPABILITY_SECTIONS);

/** Checks the refusal of a call that the model cannot serve. */
export const refusals: Section = (subject, { claims }) => {
  if (!claims.includes('completions')) {
    test('a model that does not generate text refuses to', async () => {
      const { engine } = subject();
      const requests = [
        ask(engine, chat('Hello')),
        ask(engine, { prompt: 'Hello' }, { route: 'completions' }),
      ];

      for (const request of requests)
        expect(await refusalOf(request)).toMatchObject({ code: 'wrong_modality' });
    });
  }
  if (claims.includes('completions') && !claims.includes('insert')) {
    test('a model that cannot insert text refuses a suffix', async () => {
      const body = { prompt: 'a', suffix: 'b' };

      const refused = await refusalOf(ask(subject().engine, body, { route: 'completions' }));

      expect(refused).toMatchObject({ code: 'unsupported_parameter', param: 'suffix' });
    });
  }
  if (!claims.includes('embedding')) {
    test('a model without embeddings refuses to embed', async () => {
      const call = subject().engine.embed({ inputs: ['x'] }, new AbortController().signal);

      expect(await thrownBy(call)).toMatchObject({ code: 'wrong_modality' });
    });
  }
  if (!claims.includes('rerank')) {
    test('a model that cannot rerank refuses to', async () => {
      const request = { query: 'x', documents: ['y'] };

      const call = subject().engine.rerank(request, new AbortController().signal);

      expect(await thrownBy(call)).toMatchObject({ code: 'wrong_modality' });
    });
  }
};
