/** What becomes of the content blocks of messages. */
import { elements, empty, honoured, tolerated } from '../../field-rule.ts';
import { type DialectFieldRule, type DialectFields, dropped } from '../neutral/dialect-field.ts';

const ROUTES = ['/v1/messages', '/v1/messages/count_tokens'] as const;
const BLOCKS = 'messages[].content';
const RESULT_BLOCKS = `${BLOCKS}[tool_result].content`;

export const CACHED = tolerated('nodes cache the beginnings of all prompts');
/** Of a text. */
export const CITED = dropped('the model does not see what a text cites', empty);

const notEnabled = {
  words: '`{"enabled": false}`',
  has: (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    (!('enabled' in value) || value.enabled !== true),
};
/** Of what could be cited. */
const CITABLE = dropped('answers cite nothing', notEnabled);

const AT_ANTHROPIC = dropped('of a tool that ran at Anthropic');
const TOOLS_STAY = dropped('the model gets the tools of `tools` from the beginning');
const CALLER = tolerated('what the model gets is the same for each caller');
const TOOLSET = tolerated('the call has the name of the tool');
const SIZES = tolerated('the node decides how large an image may be');

/** Blocks that a message and the result of a call may have. */
const SHOWN: Readonly<Record<string, DialectFieldRule>> = {
  text: honoured('a text'),
  'text.text': honoured('its text'),
  'text.cache_control': CACHED,
  'text.citations': CITED,
  image: honoured('for models that read images; of a result: behind all results'),
  'image.source': honoured('`base64` or `url`; uploaded files (`file`) are refused'),
  'image.source.type': honoured('`base64` or `url`'),
  'image.source.media_type': honoured('of `base64`'),
  'image.source.data': honoured('of `base64`'),
  'image.transformations': SIZES,
  'image.cache_control': CACHED,
  document: honoured('its text'),
  'document.source': honoured(
    '`text`, `content`, or `base64` of a text; PDFs, addresses and uploaded files are refused',
  ),
  'document.title': honoured('a line before the text'),
  'document.context': honoured('a line before the text'),
  'document.citations': CITABLE,
  'document.cache_control': CACHED,
  search_result: honoured('its text'),
  'search_result.title': honoured('a line before the text'),
  'search_result.source': honoured('a line before the text'),
  'search_result.content': honoured('its text'),
  'search_result.citations': CITABLE,
  'search_result.cache_control': CACHED,
};

const RESULT: DialectFields = {
  knownTo: 'Anthropic',
  routes: ROUTES,
  fields: elements(RESULT_BLOCKS, {
    ...SHOWN,
    tool_reference: honoured('the name of the tool'),
    'tool_reference.tool_name': honoured('the name of the tool'),
    'tool_reference.cache_control': CACHED,
    browser_state: dropped('no model here has the tools of a browser'),
  }),
};

const MESSAGE: DialectFields = {
  knownTo: 'Anthropic',
  routes: ROUTES,
  fields: elements(BLOCKS, {
    ...SHOWN,
    thinking: honoured('thoughts of the assistant, where the template shows them'),
    'thinking.thinking': honoured('the thoughts'),
    'thinking.signature': tolerated('signatures are not checked'),
    redacted_thinking: dropped('only Anthropic can read them'),
    tool_use: honoured('a call of the assistant'),
    'tool_use.id': honoured('names the call for its result'),
    'tool_use.name': honoured('the tool'),
    'tool_use.input': honoured('an object; absent: `{}`'),
    'tool_use.caller': CALLER,
    'tool_use.toolset_name': TOOLSET,
    'tool_use.cache_control': CACHED,
    tool_result: honoured('follows the turn with its call; without one it is refused'),
    'tool_result.tool_use_id': honoured('the call'),
    'tool_result.content': honoured('a string or blocks'),
    'tool_result.is_error': honoured('`true`: the result begins with `Error: `'),
    'tool_result.toolset_name': TOOLSET,
    'tool_result.cache_control': CACHED,
    server_tool_use: AT_ANTHROPIC,
    web_search_tool_result: AT_ANTHROPIC,
    web_fetch_tool_result: AT_ANTHROPIC,
    code_execution_tool_result: AT_ANTHROPIC,
    bash_code_execution_tool_result: AT_ANTHROPIC,
    text_editor_code_execution_tool_result: AT_ANTHROPIC,
    tool_search_tool_result: AT_ANTHROPIC,
    container_upload: dropped('no code runs here'),
  }),
};

const BETA_MESSAGE: DialectFields = {
  knownTo: 'Anthropic (beta)',
  routes: ROUTES,
  fields: elements(BLOCKS, {
    compaction: honoured('the summary, in place of the messages that it sums up'),
    'compaction.content': honoured('the summary'),
    'compaction.encrypted_content': tolerated('the summary is in `content`'),
    'compaction.signature': tolerated('signatures are not checked'),
    'compaction.tool_changes': dropped('the model gets the tools of `tools`', empty),
    'compaction.cache_control': CACHED,
    advisor_tool_result: AT_ANTHROPIC,
    mcp_tool_use: AT_ANTHROPIC,
    mcp_tool_result: AT_ANTHROPIC,
    mcp_tool_listing: AT_ANTHROPIC,
    tool_addition: TOOLS_STAY,
    tool_removal: TOOLS_STAY,
    fallback: tolerated('says which models have answered'),
  }),
};

/** Content blocks, and their members. */
export const BLOCK_FIELDS: readonly DialectFields[] = [MESSAGE, BETA_MESSAGE, RESULT];
