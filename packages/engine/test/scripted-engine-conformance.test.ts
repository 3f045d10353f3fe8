import { createScriptedEngine, SCRIPTED_WORKER_PATH } from '@cortex/testkit';

import { engineConformance, overTransports } from '../src/conformance/index.ts';
import { SPEC } from './fixtures/requests.ts';

const chat = (content: string) => ({
  messages: [{ role: 'user', content }],
  temperature: 0,
});

const process_ = { command: [process.execPath, SCRIPTED_WORKER_PATH] } as const;

for (const [transport, make] of overTransports(createScriptedEngine, process_)) {
  engineConformance(`scripted, ${transport}`, make, {
    spec: { ...SPEC, contextLength: 512 },
    claims: ['chat', 'completions', 'tools', 'reasoning', 'tokenizer'],
    toolCall: {
      name: 'get_weather',
      body: {
        ...chat('Use get_weather for Bonn.'),
        tools: [{ type: 'function', function: { name: 'get_weather' } }],
      },
    },
    reasoning: { body: { ...chat('Think.'), chat_template_kwargs: { enable_thinking: true } } },
  });
}
