import { empty, honoured, only, refusedFor, tolerated } from '../../field-rule.ts';
import { type DialectFields, dropped, droppedTool } from '../neutral/dialect-field.ts';

const CACHED = tolerated('nodes cache the beginnings of all prompts');
const ACCOUNT = tolerated('describes the request for a service with accounts');
const NO_EFFECT_ON_PROMPT = tolerated('does not change the prompt');
const CONTEXT_EDITS = 'nothing is removed from the conversation';

const onlyDisabled = {
  words: '`{"enabled": false}`',
  has: (value: unknown) =>
    typeof value === 'object' && value !== null && 'enabled' in value && value.enabled === false,
};

/** `{}`, or `edits` without any. */
const noEdits = {
  words: 'without `edits`',
  has: (value: unknown) =>
    typeof value === 'object' &&
    value !== null &&
    (!('edits' in value) || empty.has(value.edits, {})),
};

/** What makes the prompt. */
const PROMPT: DialectFields = {
  knownTo: 'Anthropic',
  routes: ['/v1/messages', '/v1/messages/count_tokens'],
  fields: {
    model: honoured('the model, an alias, or `id@node`'),
    messages: honoured('the conversation; a last message of the assistant is continued'),
    'messages[].role': honoured('`user`, `assistant`, or `system`, which stays in its place'),
    'messages[].content': honoured('a string or blocks; PDFs and uploaded files are refused'),
    'messages[].content[].cache_control': CACHED,
    system: honoured('a string or blocks; lines that differ in each request are removed'),
    'system[].cache_control': CACHED,
    cache_control: CACHED,
    thinking: honoured('whether the model thinks, where its template can switch that'),
    'thinking.type': honoured(
      '`enabled` and `adaptive`: on; `disabled`: off; others: as the model does by default',
    ),
    'thinking.budget_tokens': honoured('tokens of thoughts at most, then the answer begins'),
    'thinking.display': tolerated('thoughts come in full: the next turn needs them'),
    'thinking.block_binding': tolerated('signatures are not checked'),
    output_config: honoured('its members are below'),
    'output_config.effort': honoured(
      '`low`, `medium`, `high`, `xhigh` or `max`; others: as the model does by default',
    ),
    'output_config.task_budget': dropped('the model is not told of a budget', empty),
    tools: honoured('functions that the model may call'),
    'tools[].type': honoured(
      '`custom`, and `bash_…` and `text_editor_…`, which the client runs; others are left out and named in `x-cortex-dropped-tools`',
    ),
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
    tool_choice: honoured('which tools the model may or must call; enforced'),
    'tool_choice.type': honoured('`auto`, `any`, `tool` or `none`'),
    'tool_choice.name': honoured('the tool that must be called'),
    'tool_choice.disable_parallel_tool_use': honoured('`true`: one call per answer'),
    speed: tolerated('changes how fast an answer comes, not what it is'),
    user_profile_id: ACCOUNT,
    workspace_id: ACCOUNT,
  },
};

const BETA_PROMPT: DialectFields = {
  knownTo: 'Anthropic (beta)',
  routes: ['/v1/messages', '/v1/messages/count_tokens'],
  fields: {
    betas: tolerated('clients send it as the header `anthropic-beta`'),
    billing_policy: ACCOUNT,
    'messages[].clear_at': dropped(
      'the message stays: the next turn begins with the same prompt',
      only('never'),
    ),
    'messages[].output_config': dropped('effort is that of the whole request', empty),
    context_management: dropped(CONTEXT_EDITS, noEdits),
    mcp_servers: droppedTool('cortex calls no servers of tools'),
  },
};

const ANSWER: DialectFields = {
  knownTo: 'Anthropic',
  routes: ['/v1/messages'],
  fields: {
    max_tokens: honoured('tokens of the answer, thoughts included; absent: no limit'),
    stop_sequences: honoured('strings that end the answer; empty ones say nothing'),
    stream: honoured('server-sent events'),
    'output_config.format': honoured('the form of the answer'),
    'output_config.format.type': honoured('`json_schema`; others: text'),
    'output_config.format.schema': honoured('the schema of the answer, enforced'),
    metadata: honoured('its members are below'),
    'metadata.user_id': honoured('names the conversation for routing'),
    'messages[].content[].citations': dropped('answers cite nothing', onlyDisabled),
    container: dropped('no code runs here', empty),
    diagnostics: ACCOUNT,
    inference_geo: tolerated('the fleet is where its operator has it'),
    service_tier: tolerated('there is one tier'),
  },
};

const BETA_ANSWER: DialectFields = {
  knownTo: 'Anthropic (beta)',
  routes: ['/v1/messages'],
  fields: {
    output_format: honoured('the older name of `output_config.format`'),
    compaction: refusedFor('a message that asks for the summary'),
    thread: refusedFor('the whole conversation in `messages`: cortex stores no conversations'),
    fallbacks: tolerated('they are for models that decline by policy'),
    fallback_credit_token: ACCOUNT,
  },
};

const COUNT: DialectFields = {
  knownTo: 'Anthropic',
  routes: ['/v1/messages/count_tokens'],
  fields: { 'output_config.format': NO_EFFECT_ON_PROMPT },
};

const BETA_COUNT: DialectFields = {
  knownTo: 'Anthropic (beta)',
  routes: ['/v1/messages/count_tokens'],
  fields: {
    output_format: NO_EFFECT_ON_PROMPT,
    compaction: tolerated('the count is that of the conversation, as in Anthropic’s own API'),
  },
};

const SAMPLING: DialectFields = {
  knownTo: 'Anthropic (older versions)',
  routes: ['/v1/messages'],
  fields: {
    temperature: honoured('0 takes the most likely token'),
    top_p: honoured('0 to 1'),
    top_k: honoured('so many likeliest tokens'),
  },
};

/** Fields of the Messages API. */
export const ANTHROPIC_FIELDS: readonly DialectFields[] = [
  PROMPT,
  BETA_PROMPT,
  ANSWER,
  BETA_ANSWER,
  COUNT,
  BETA_COUNT,
  SAMPLING,
];
