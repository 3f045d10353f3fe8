import { empty, honoured, only, refused, tolerated } from '../../field-rule.ts';
import { type DialectFields, dropped } from '../neutral/dialect-field.ts';

const GENERATE = ['/api/chat', '/api/generate'] as const;
const EMBED = ['/api/embed', '/api/embeddings'] as const;

const MODEL = honoured('the model, an alias, or `id@node`, with or without `:latest`');
const LOADING = tolerated('the operator decides how a model is loaded');
const RESIDENCY = 'the operator decides how long a model stays loaded';
const GIVEN_UP = tolerated('Ollama itself no longer has it');
const LONG_INPUT = tolerated('input that is longer than the context is refused');
const MAKES_IMAGES = tolerated('for models that make images: this route has none');
const OF_THE_MODEL = tolerated('the answer describes the model as it is');

const OPTIONS: DialectFields = {
  knownTo: 'Ollama',
  routes: GENERATE,
  fields: {
    options: honoured('its members are below'),
    'options.temperature': honoured('0 takes the most likely token'),
    'options.top_p': honoured('0 to 1'),
    'options.top_k': honoured('so many likeliest tokens'),
    'options.min_p': honoured('0 to 1'),
    'options.num_predict': honoured('tokens of the answer; 0 or less: no limit'),
    'options.stop': honoured('a string or a list of them'),
    'options.seed': honoured('a whole number of 64 bits'),
    'options.repeat_penalty': honoured('over the answer; 1: none'),
    'options.presence_penalty': honoured('over the answer'),
    'options.frequency_penalty': honoured('over the answer'),
    'options.repeat_last_n': dropped('penalties are over the whole answer', only(-1)),
    'options.typical_p': dropped('no node has this sampler', only(0, 1)),
    'options.num_keep': tolerated('a full context ends an answer, nothing is shifted out'),
    'options.tfs_z': GIVEN_UP,
    'options.mirostat': GIVEN_UP,
    'options.mirostat_tau': GIVEN_UP,
    'options.mirostat_eta': GIVEN_UP,
    'options.penalize_newline': GIVEN_UP,
    'options.numa': LOADING,
    'options.num_ctx': LOADING,
    'options.num_batch': LOADING,
    'options.num_gpu': LOADING,
    'options.main_gpu': LOADING,
    'options.low_vram': LOADING,
    'options.f16_kv': LOADING,
    'options.logits_all': LOADING,
    'options.vocab_only': LOADING,
    'options.use_mmap': LOADING,
    'options.use_mlock': LOADING,
    'options.embedding_only': LOADING,
    'options.num_thread': LOADING,
  },
};

const BOTH: DialectFields = {
  knownTo: 'Ollama',
  routes: GENERATE,
  fields: {
    model: MODEL,
    stream: honoured('a line for each part; default `true`'),
    format: honoured('`json` or a JSON schema, enforced; not beside `raw` or `suffix`'),
    think: honoured('`true`, `false` or an effort, where the template of the model can'),
    keep_alive: tolerated(
      `${RESIDENCY}; without a prompt, \`0\` is answered as an unload, but unloads nothing`,
    ),
    logprobs: refused(only(false), '/v1/chat/completions'),
    top_logprobs: tolerated('has a meaning only beside `logprobs`'),
    truncate: LONG_INPUT,
    shift: tolerated('a full context ends an answer, nothing is shifted out'),
  },
};

const CHAT: DialectFields = {
  knownTo: 'Ollama',
  routes: ['/api/chat'],
  fields: {
    messages: honoured('the conversation; an empty one loads the model'),
    'messages[].role': honoured('`system`, `user`, `assistant` or `tool`'),
    'messages[].content': honoured('the text'),
    'messages[].thinking': honoured('thoughts of the assistant'),
    'messages[].images': honoured('base64, for models that read images'),
    'messages[assistant].images': dropped('nodes take no images of the assistant', empty),
    'messages[].tool_calls': honoured('calls of the assistant'),
    'messages[].tool_calls[].id': honoured('names the call for its result; absent: a number'),
    'messages[].tool_calls[].type': tolerated('each call is that of a function'),
    'messages[].tool_calls[].function': honoured('its members are below'),
    'messages[].tool_calls[].function.name': honoured('the function'),
    'messages[].tool_calls[].function.arguments': honoured('an object, or its JSON text'),
    'messages[].tool_calls[].function.index': tolerated('calls are in the order of the list'),
    'messages[].tool_name': honoured('the call that a result belongs to'),
    'messages[].name': honoured('the older name of `tool_name`'),
    'messages[].tool_call_id': honoured('the call that a result belongs to'),
    tools: honoured('functions that the model may call'),
    'tools[].type': tolerated('each tool is a function'),
    'tools[].function': honoured('its members are below'),
    'tools[].function.name': honoured('its name'),
    'tools[].function.description': honoured('its description'),
    'tools[].function.type': tolerated('each tool is a function'),
    'tools[].function.parameters': honoured('the schema of its arguments, enforced'),
  },
};

const TEXT: DialectFields = {
  knownTo: 'Ollama',
  routes: ['/api/generate'],
  fields: {
    prompt: honoured('a message of the user; an empty one loads the model'),
    suffix: honoured('the text behind the gap that is filled, for models that can'),
    system: honoured('the system message; not beside `raw`'),
    images: honoured('base64, for models that read images; not beside `raw` or `suffix`'),
    raw: honoured('`true`: the prompt is continued as it is, without a template'),
    template: dropped('the template is that of the model', empty),
    context: dropped('conversations are for /api/chat', empty),
    width: MAKES_IMAGES,
    height: MAKES_IMAGES,
    steps: MAKES_IMAGES,
  },
};

const VECTORS: DialectFields = {
  knownTo: 'Ollama',
  routes: EMBED,
  fields: {
    model: MODEL,
    keep_alive: tolerated(RESIDENCY),
    options: tolerated('has no effect on vectors'),
  },
};

/** Fields of Ollama's routes. */
export const OLLAMA_FIELDS: readonly DialectFields[] = [
  BOTH,
  OPTIONS,
  CHAT,
  TEXT,
  VECTORS,
  {
    knownTo: 'Ollama',
    routes: ['/api/embed'],
    fields: {
      input: honoured('a string or a list of them; nothing loads the model'),
      dimensions: honoured('length of the vectors, where the model was trained for it'),
      truncate: LONG_INPUT,
    },
  },
  {
    knownTo: 'Ollama',
    routes: ['/api/embeddings'],
    fields: { prompt: honoured('a string; an empty one loads the model') },
  },
  {
    knownTo: 'Ollama',
    routes: ['/api/show'],
    fields: {
      model: honoured('the model'),
      name: honoured('the older name of `model`'),
      system: OF_THE_MODEL,
      template: OF_THE_MODEL,
      options: OF_THE_MODEL,
      verbose: tolerated('there is nothing more to tell'),
    },
  },
];
