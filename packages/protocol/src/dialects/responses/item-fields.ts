/** What becomes of the items of `input`, and of their parts. */
import { elements, empty, honoured, only, refusedFor, tolerated } from '../../field-rule.ts';
import { type DialectFieldRule, type DialectFields, dropped } from '../neutral/dialect-field.ts';
import { isPacked } from './thoughts.ts';

type Rules = Readonly<Record<string, DialectFieldRule>>;

const NO_STORE = 'cortex stores no responses';
const ID = tolerated(`names an item of a store: ${NO_STORE}`);
const STATUS = tolerated('an item that is incomplete is read as it is');
const LABEL = tolerated('it is not part of the conversation');
const CALL_ID = honoured('names the call for its output');
const OF_CALL = honoured('the call; without one it is refused');
const OUTPUT = honoured('a string, parts, or other JSON');
const CALL = honoured('a call of the assistant');
const OUTPUT_ITEM = honoured('follows the turn with its call');
const AT_OPENAI = dropped('of a tool that ran at OpenAI');
const SCREENS = dropped('no model here has the tool');
const ALL_TOOLS = dropped('the model gets the tools of `tools`');

const ours = {
  words: 'those of cortex',
  has: (value: unknown) => value === '' || isPacked(value),
};

const TEXT_PARTS: Rules = {
  input_text: honoured('a text'),
  'input_text.text': honoured('its text'),
  input_image: honoured('for models that read images; of an output: behind all outputs'),
  'input_image.image_url': honoured('a `data:` URI, or an address, which is left to the node'),
  'input_image.file_id': refusedFor('`image_url` with a `data:` URI: cortex stores no files'),
  'input_image.detail': dropped('the node decides', only('auto')),
  input_file: refusedFor('its content as text'),
  input_audio: refusedFor('its content as text'),
};

const PARTS: Rules = {
  ...TEXT_PARTS,
  output_text: honoured('a text of the assistant'),
  'output_text.text': honoured('its text'),
  'output_text.annotations': dropped('the model does not see what a text cites', empty),
  'output_text.logprobs': tolerated('they are not part of the conversation'),
  refusal: honoured('a text of the assistant'),
  'refusal.refusal': honoured('its text'),
};

const ITEMS: Rules = {
  message: honoured('a message; an item with `role` needs no `type`'),
  'message.role': honoured('`user`, `assistant`, `system` or `developer`'),
  'message.content': honoured('a string or parts'),
  'message.phase': LABEL,
  'message.id': ID,
  'message.status': STATUS,
  function_call: CALL,
  'function_call.name': honoured('the tool'),
  'function_call.namespace': honoured('the namespace of the tool'),
  'function_call.call_id': CALL_ID,
  'function_call.arguments': honoured('JSON text; absent: `{}`'),
  'function_call.id': ID,
  'function_call.status': STATUS,
  function_call_output: OUTPUT_ITEM,
  'function_call_output.call_id': OF_CALL,
  'function_call_output.output': OUTPUT,
  'function_call_output.id': ID,
  'function_call_output.status': STATUS,
  custom_tool_call: CALL,
  'custom_tool_call.name': honoured('the tool'),
  'custom_tool_call.namespace': honoured('the namespace of the tool'),
  'custom_tool_call.call_id': CALL_ID,
  'custom_tool_call.input': honoured('the argument `input`'),
  'custom_tool_call.id': ID,
  custom_tool_call_output: OUTPUT_ITEM,
  'custom_tool_call_output.call_id': OF_CALL,
  'custom_tool_call_output.output': OUTPUT,
  'custom_tool_call_output.id': ID,
  reasoning: honoured('thoughts of the assistant, where the template shows them'),
  'reasoning.content': honoured('the thoughts'),
  'reasoning.summary': honoured('the thoughts, without `content`'),
  'reasoning.encrypted_content': dropped(
    'those of other servers are unreadable; ours are the thoughts, without the other two',
    ours,
  ),
  'reasoning.id': ID,
  'reasoning.status': STATUS,
  local_shell_call: CALL,
  'local_shell_call.call_id': CALL_ID,
  'local_shell_call.id': honoured('as `call_id`, without one'),
  'local_shell_call.action': honoured('the arguments'),
  'local_shell_call.status': STATUS,
  local_shell_call_output: OUTPUT_ITEM,
  'local_shell_call_output.id': OF_CALL,
  'local_shell_call_output.output': OUTPUT,
  'local_shell_call_output.status': STATUS,
  shell_call: CALL,
  'shell_call.call_id': CALL_ID,
  'shell_call.action': honoured('the arguments'),
  'shell_call.environment': LABEL,
  'shell_call.id': ID,
  'shell_call.status': STATUS,
  shell_call_output: OUTPUT_ITEM,
  'shell_call_output.call_id': OF_CALL,
  'shell_call_output.output': OUTPUT,
  'shell_call_output.max_output_length': tolerated('the output is as long as it is'),
  'shell_call_output.id': ID,
  'shell_call_output.status': STATUS,
  apply_patch_call: CALL,
  'apply_patch_call.call_id': CALL_ID,
  'apply_patch_call.operation': honoured('the arguments'),
  'apply_patch_call.id': ID,
  'apply_patch_call.status': STATUS,
  apply_patch_call_output: OUTPUT_ITEM,
  'apply_patch_call_output.call_id': OF_CALL,
  'apply_patch_call_output.output': OUTPUT,
  'apply_patch_call_output.status': honoured('`failed`: the output begins with `Error: `'),
  'apply_patch_call_output.id': ID,
  item_reference: refusedFor(`the item itself (clients do with "store": false): ${NO_STORE}`),
  compaction: dropped('only OpenAI can read it'),
  tool_search_call: ALL_TOOLS,
  tool_search_output: ALL_TOOLS,
  computer_call: SCREENS,
  computer_call_output: SCREENS,
  web_search_call: AT_OPENAI,
  file_search_call: AT_OPENAI,
  code_interpreter_call: AT_OPENAI,
  image_generation_call: AT_OPENAI,
  mcp_call: AT_OPENAI,
  mcp_list_tools: AT_OPENAI,
  mcp_approval_request: AT_OPENAI,
  mcp_approval_response: AT_OPENAI,
};

/** Items of the input, the parts of messages, and those of outputs. */
export const ITEM_FIELDS: DialectFields = {
  knownTo: 'OpenAI',
  routes: ['/v1/responses'],
  fields: {
    ...elements('input', ITEMS),
    ...elements('input[].content', PARTS),
    ...elements('input[].output', TEXT_PARTS),
  },
};
