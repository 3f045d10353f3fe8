import { empty, honoured, only, refused, refusedFor, tolerated } from '../../field-rule.ts';
import { type DialectFields, dropped } from '../neutral/dialect-field.ts';
import { ITEM_FIELDS } from './item-fields.ts';
import { TOOL_FIELDS } from './tool-fields.ts';

const NO_STORE = 'cortex stores no responses';
const WHOLE_INPUT = `the whole conversation in \`input\`: ${NO_STORE}`;
const ACCOUNT = tolerated('describes the request for a service with accounts');

const LOGPROBS = 'message.output_text.logprobs';
const otherOutput = {
  words: `all but \`"${LOGPROBS}"\``,
  has: (value: unknown) => value !== LOGPROBS,
};

/** Fields of `POST /v1/responses`. */
export const RESPONSES_FIELDS: readonly DialectFields[] = [
  {
    knownTo: 'OpenAI',
    routes: ['/v1/responses'],
    fields: {
      model: honoured('the model, an alias, or `id@node`'),
      input: honoured('a string or items; items and parts of unknown types are skipped'),
      instructions: honoured('a system message before the input'),
      stream: honoured('server-sent events'),
      'stream_options.include_obfuscation': tolerated('events have no padding'),
      stream_options: tolerated('its only member has no effect'),
      max_output_tokens: honoured('tokens of the answer, thoughts included; absent: no limit'),
      temperature: honoured('0 takes the most likely token'),
      top_p: honoured('0 to 1'),
      reasoning: honoured('its members are below'),
      'reasoning.effort': honoured('as `reasoning_effort` of /v1/chat/completions'),
      'reasoning.summary': honoured('thoughts come as the summary, in full'),
      'reasoning.generate_summary': honoured('the older name of `reasoning.summary`'),
      text: honoured('its members are below'),
      'text.format': honoured('the form of the answer'),
      'text.format.type': honoured('`text`, `json_schema` or `json_object`'),
      'text.format.schema': honoured('the schema of the answer, enforced'),
      'text.format.name': tolerated('the response repeats it'),
      'text.format.strict': tolerated('schemas are always enforced'),
      'text.format.description': dropped('the model does not get it', empty),
      'text.verbosity': dropped('no model here has it', only('medium')),
      tools: honoured('tools that the model may call'),
      tool_choice: honoured('which tools the model may or must call; enforced'),
      'tool_choice.type': honoured('`function`, `custom` or `allowed_tools`; others are refused'),
      'tool_choice.name': honoured('the tool that must be called'),
      'tool_choice.mode': honoured('of `allowed_tools`: `auto` or `required`'),
      'tool_choice.tools': honoured('of `allowed_tools`: those that may be called'),
      'tool_choice.server_label': refusedFor('a tool of type `function`'),
      parallel_tool_calls: honoured('`false`: one call per answer'),
      metadata: honoured('the response repeats it; `user_id` names the conversation for routing'),
      prompt_cache_key: honoured('names the conversation for routing'),
      user: honoured('names the conversation for routing'),
      include: honoured(
        '`"reasoning.encrypted_content"`: thoughts too, encoded. Other values are about tools that run at OpenAI',
      ),
      'include[]': refused(otherOutput, '`logprobs` of /v1/chat/completions'),
      background: refused(only(false), `\`stream\` for long answers: ${NO_STORE}`),
      previous_response_id: refusedFor(WHOLE_INPUT),
      conversation: refusedFor(WHOLE_INPUT),
      prompt: refusedFor('its text in `instructions` and `input`: cortex stores no prompts'),
      context_management: dropped('nothing is removed from the conversation', empty),
      truncation: tolerated('input that is longer than the context is refused'),
      store: tolerated('the response says `false`'),
      prompt_cache_retention: tolerated('prefixes are kept as the operator set it'),
      service_tier: tolerated('there is one tier'),
      safety_identifier: ACCOUNT,
    },
  },
  {
    knownTo: 'OpenAI (other versions)',
    routes: ['/v1/responses'],
    fields: {
      top_logprobs: refused(only(0), '`logprobs` of /v1/chat/completions'),
      max_tool_calls: tolerated('limits calls of tools that run at OpenAI'),
    },
  },
  {
    knownTo: 'cortex',
    routes: ['/v1/responses'],
    fields: {
      top_k: honoured('so many likeliest tokens'),
      thinking_budget_tokens: honoured('tokens of thoughts at most, then the answer begins'),
    },
  },
  ITEM_FIELDS,
  TOOL_FIELDS,
];
