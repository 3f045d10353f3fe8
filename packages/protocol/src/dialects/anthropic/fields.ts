import { elements, empty, honoured, only, refusedFor, tolerated } from '../../field-rule.ts';
import { type DialectFields, dropped, droppedTool } from '../neutral/dialect-field.ts';
import { BLOCK_FIELDS, CACHED, CITED } from './block-fields.ts';
import { TOOL_FIELDS } from './tool-fields.ts';

const ACCOUNT = tolerated('describes the request for a service with accounts');
const NO_EFFECT_ON_PROMPT = tolerated('does not change the prompt');
const CONTEXT_EDITS = 'nothing is removed from the conversation';

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
    'messages[].content': honoured('a string or blocks'),
    system: honoured('a string or blocks; lines that differ in each request are removed'),
    ...elements('system', {
      text: honoured('a text'),
      'text.text': honoured('its text'),
      'text.cache_control': CACHED,
      'text.citations': CITED,
    }),
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
  ...BLOCK_FIELDS,
  ...TOOL_FIELDS,
];
