import { elements, honoured, tolerated } from '../../field-rule.ts';
import { type DialectFields, droppedTool } from '../neutral/dialect-field.ts';
import { CACHED } from './block-fields.ts';

const ROUTES = ['/v1/messages', '/v1/messages/count_tokens'] as const;

const AT_ANTHROPIC = droppedTool('it runs at Anthropic');
const NO_SCHEMA = droppedTool('a model here has no schema of it');
const CLIENT_RUNS = 'a function with a schema, which the client runs';

/** Members of tools, and the kinds of tools. */
export const TOOL_FIELDS: readonly DialectFields[] = [
  {
    knownTo: 'Anthropic',
    routes: ROUTES,
    fields: {
      'tools[].type': honoured('the kinds are below; unknown ones are left out and named'),
      'tools[].name': honoured('its name'),
      'tools[].description': honoured('its description'),
      'tools[].input_schema': honoured('the schema of its input, enforced'),
      'tools[].input_examples': honoured('shown to the model as `examples` of the schema'),
      'tools[].strict': honoured('passed to the node; our engine always enforces schemas'),
      'tools[].cache_control': CACHED,
      'tools[].defer_loading': tolerated('the model gets all tools at once'),
      'tools[].allowed_callers': tolerated('the model itself calls each tool'),
      'tools[].eager_input_streaming': tolerated('inputs always stream as they are written'),
      'tools[].max_characters': tolerated('a matter of the client, which runs the tool'),
      ...elements('tools', {
        custom: honoured('a function'),
        bash: honoured(CLIENT_RUNS),
        'bash.strict': tolerated('our engine always enforces schemas'),
        text_editor: honoured(CLIENT_RUNS),
        'text_editor.strict': tolerated('our engine always enforces schemas'),
        memory: NO_SCHEMA,
        browser_toolset: NO_SCHEMA,
        computer_toolset: NO_SCHEMA,
        code_execution: AT_ANTHROPIC,
        web_search: AT_ANTHROPIC,
        web_fetch: AT_ANTHROPIC,
        tool_search_tool_bm25: AT_ANTHROPIC,
        tool_search_tool_regex: AT_ANTHROPIC,
      }),
    },
  },
  {
    knownTo: 'Anthropic (beta)',
    routes: ROUTES,
    fields: elements('tools', {
      computer: NO_SCHEMA,
      advisor: AT_ANTHROPIC,
      mcp_toolset: AT_ANTHROPIC,
    }),
  },
];
