/** Sample conversations for chat templates: a plain one, and one with tool calls. */

type Body = Readonly<Record<string, unknown>>;

/** One turn, which every chat template can render. */
export const PLAIN_CHAT: Body = {
  messages: [{ role: 'user', content: 'What is the weather in Oslo?' }],
};

/** A tool, its call and its result, which templates render in loops. */
export const TOOL_CHAT: Body = {
  messages: [
    { role: 'user', content: 'What is the weather in Oslo?' },
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        {
          id: 'call00001',
          type: 'function',
          function: { name: 'weather', arguments: '{"city":"Oslo"}' },
        },
      ],
    },
    { role: 'tool', tool_call_id: 'call00001', content: 'Rain, 7 degrees' },
    { role: 'user', content: 'And tomorrow?' },
  ],
  tools: [
    {
      type: 'function',
      function: {
        name: 'weather',
        description: 'The weather in a city.',
        parameters: {
          type: 'object',
          properties: { city: { type: 'string' } },
          required: ['city'],
        },
      },
    },
  ],
};
