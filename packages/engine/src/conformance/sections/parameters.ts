import { describe, expect, test } from 'bun:test';

import type { EngineCapability } from '../../engine/load.ts';
import { answerOf, ask, type Body, chat, chatOf, refusalOf, type Section } from '../subject.ts';

const WRONG: readonly (readonly [Body, string])[] = [
  [{ messages: undefined }, 'messages'],
  [{ messages: 'Hello' }, 'messages'],
  [{ messages: [] }, 'messages'],
  [{ messages: [{ role: 7, content: 'Hello' }] }, 'messages[0].role'],
  [{ messages: [{ role: 'user', content: 7 }] }, 'messages[0].content'],
  [{ temperature: 'hot' }, 'temperature'],
  [{ temperature: -1 }, 'temperature'],
  [{ top_p: 'most' }, 'top_p'],
  [{ top_p: 2 }, 'top_p'],
  [{ max_tokens: 'many' }, 'max_tokens'],
  [{ max_tokens: -5 }, 'max_tokens'],
  [{ stop: 5 }, 'stop'],
  [{ seed: 'lucky' }, 'seed'],
];

const TOOL = { type: 'function', function: { name: 'get_time', parameters: { type: 'object' } } };

/** Fields that need a capability; an engine without it refuses them by name. */
const UNSUPPORTED: readonly (readonly [EngineCapability, Body, string])[] = [
  ['choices', { n: 2 }, 'n'],
  ['logprobs', { logprobs: true }, 'logprobs'],
  ['structured', { response_format: { type: 'json_object' } }, 'response_format'],
  ['tools', { tools: [TOOL] }, 'tools'],
];

/** Service fields that clients send and that have no effect. */
const HARMLESS: Body = {
  stream: true,
  stream_options: { include_usage: true },
  user: 'somebody',
  metadata: { user_id: 'somebody' },
  store: false,
  n: 1,
  logprobs: false,
  response_format: { type: 'text' },
  frequency_penalty: 0,
  presence_penalty: 0,
  stop: null,
  seed: null,
};

export const parameters: Section = (subject, options) => {
  describe('refuses an invalid value by the name of its field:', () => {
    for (const [patch, param] of WRONG) {
      test(JSON.stringify(patch), async () => {
        const body = { ...chat('Hello'), ...patch };

        const refusal = await refusalOf(ask(subject().engine, body));

        expect(refusal).toMatchObject({ code: 'invalid_request', param });
      });
    }
  });

  describe('refuses what the model cannot do by the name of the field:', () => {
    for (const [capability, patch, param] of UNSUPPORTED) {
      if (options.claims.includes(capability)) continue;
      test(JSON.stringify(patch), async () => {
        const refusal = await refusalOf(ask(subject().engine, { ...chat('Hello'), ...patch }));

        expect(refusal).toMatchObject({ code: 'unsupported_parameter', param });
      });
    }
  });

  test('accepts the service fields of common clients', async () => {
    const { last } = await answerOf(ask(subject().engine, { ...chatOf(4), ...HARMLESS }));

    expect(last.usage.completionTokens).toBe(4);
  });
};
