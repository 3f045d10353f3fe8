import { elements, honoured, tolerated } from '../../field-rule.ts';
import { type DialectFields, droppedTool } from '../neutral/dialect-field.ts';

const AT_OPENAI = droppedTool('it runs at OpenAI');
const OWN_KIND = droppedTool('a model here has no schema of it');

/** Members of tools, and the kinds of tools. */
export const TOOL_FIELDS: DialectFields = {
  knownTo: 'OpenAI',
  routes: ['/v1/responses'],
  fields: {
    'tools[].type': honoured('the kinds are below; unknown ones are left out and named'),
    'tools[].name': honoured('its name'),
    'tools[].description': honoured('its description'),
    'tools[].parameters': honoured('the schema of its arguments, enforced'),
    'tools[].strict': honoured('passed to the node; our engine always enforces schemas'),
    'tools[].format': honoured('a grammar is shown to the model, but not enforced'),
    'tools[].tools': honoured('the tools of a namespace'),
    'tools[].defer_loading': tolerated('the model gets all tools at once'),
    ...elements('tools', {
      function: honoured('a function'),
      custom: honoured('a function with one string, `input`'),
      namespace: honoured('its tools, as functions with the name of the namespace in theirs'),
      local_shell: OWN_KIND,
      shell: OWN_KIND,
      apply_patch: OWN_KIND,
      computer: OWN_KIND,
      computer_use_preview: OWN_KIND,
      tool_search: droppedTool('the model gets all tools at once'),
      web_search: AT_OPENAI,
      web_search_preview: AT_OPENAI,
      file_search: AT_OPENAI,
      code_interpreter: AT_OPENAI,
      image_generation: AT_OPENAI,
      mcp: droppedTool('cortex calls no servers of tools'),
    }),
  },
};
