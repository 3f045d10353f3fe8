/** How each family writes tool calls, for tests with malformed calls. */

export interface FamilyCalls {
  /** A template of llama.cpp, or if it has none for the family, the part that identifies the family. */
  readonly template?: string;
  readonly source?: string;
  /** End of the prompt, if it matters. */
  readonly prompt?: string;
  /** Text before and after the arguments of a call of `search`. */
  readonly open: string;
  readonly close: string;
  /** Start of an answer inside reasoning; absent when the family has none or the prompt starts it. */
  readonly think?: string;
}

const list = (open: string, close: string) => ({
  open: `${open}[{"name": "search", "arguments": `,
  close: `}]${close}`,
});

/** Families whose arguments are JSON. */
export const JSON_FAMILIES: Readonly<Record<string, FamilyCalls>> = {
  hermes: {
    template: 'Qwen-Qwen3-0.6B',
    open: '<tool_call>\n{"name": "search", "arguments": ',
    close: '}\n</tool_call>',
    think: '<think>\n',
  },
  llama: {
    template: 'meta-llama-Llama-3.1-8B-Instruct',
    open: '{"name": "search", "parameters": ',
    close: '}',
  },
  'llama-tagged': {
    template: 'meetkai-functionary-medium-v3.1',
    open: '<function=search>',
    close: '</function>',
  },
  mistral: {
    template: 'mistralai-Ministral-3-14B-Reasoning-2512',
    open: '[TOOL_CALLS]search[ARGS]',
    close: '',
    think: '[THINK]',
  },
  'mistral-list': {
    template: 'mistralai-Mistral-Nemo-Instruct-2407',
    ...list('[TOOL_CALLS]', ''),
  },
  deepseek: {
    template: 'deepseek-ai-DeepSeek-V3.1',
    prompt: '<｜Assistant｜><think>',
    open: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>search<｜tool▁sep｜>',
    close: '<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    think: '',
  },
  'deepseek-r1': {
    template: 'llama-cpp-deepseek-r1',
    prompt: '<｜Assistant｜><think>\n',
    open: '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>search\n```json\n',
    close: '\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    think: '',
  },
  granite: {
    template: 'ibm-granite-granite-3.3-2B-Instruct',
    ...list('<|tool_call|>', ''),
    think: '<think>',
  },
  phi: { source: '<|tool|>{{ tools }}<|/tool|>', ...list('<|tool_call|>', '<|/tool_call|>') },
  nemotron: {
    template: 'NVIDIA-Nemotron-Nano-v2',
    ...list('<TOOLCALL>', '</TOOLCALL>'),
    think: '<think>\n',
  },
  'minimax-m1': {
    template: 'MiniMax-M1',
    open: '<tool_calls>\n{"name": "search", "arguments": ',
    close: '}\n</tool_calls>',
  },
  apertus: {
    template: 'Apertus-8B-Instruct',
    open: '<|tools_prefix|>[{"search": ',
    close: '}]<|tools_suffix|>',
  },
  gigachat: {
    template: 'GigaChat3-10B-A1.8B',
    open: '<|message_sep|>\n\nfunction call<|role_sep|>\n{"name": "search", "arguments": ',
    close: '}',
  },
  'gigachat-3.1': {
    template: 'GigaChat3.1-10B-A1.8B',
    open: '<|function_call|>{"name": "search", "arguments": ',
    close: '}',
  },
  kimi: {
    template: 'Kimi-K2-Thinking',
    open: '<|tool_calls_section_begin|><|tool_call_begin|>functions.search:0<|tool_call_argument_begin|>',
    close: '<|tool_call_end|><|tool_calls_section_end|>',
    think: '<think>',
  },
  cohere: {
    template: 'CohereForAI-c4ai-command-r7b-12-2024-tool_use',
    open: '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "search", "parameters": ',
    close: '}\n]<|END_ACTION|>',
    think: '<|START_THINKING|>',
  },
  'cohere-text': {
    template: 'Cohere2MoE',
    open: '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "search", "parameters": ',
    close: '}]<|END_ACTION|>',
    think: '<|START_THINKING|>',
  },
  harmony: {
    template: 'openai-gpt-oss-120b',
    open: '<|channel|>commentary to=functions.search <|constrain|>json<|message|>',
    close: '<|call|>',
  },
};

export interface TaggedFamily extends FamilyCalls {
  /** Text around the value of a parameter. */
  readonly key: (name: string) => string;
  readonly endValue: string;
  /** Text between two parameters. */
  readonly gap: string;
}

/** Families with unquoted values between tags. */
export const TAGGED_FAMILIES: Readonly<Record<string, TaggedFamily>> = {
  'qwen3-coder': {
    template: 'Qwen3-Coder',
    open: '<tool_call>\n<function=search>\n',
    key: (name) => `<parameter=${name}>\n`,
    endValue: '\n</parameter>',
    gap: '\n',
    close: '\n</function>\n</tool_call>',
  },
  'qwen3.5': {
    template: 'Qwen3.5-4B',
    prompt: '<|im_start|>assistant\n<think>\n',
    open: '<tool_call>\n<function=search>\n',
    key: (name) => `<parameter=${name}>\n`,
    endValue: '\n</parameter>',
    gap: '\n',
    close: '\n</function>\n</tool_call>',
    think: '',
  },
  seed: {
    template: 'ByteDance-Seed-OSS',
    open: '<seed:tool_call>\n<function=search>\n',
    key: (name) => `<parameter=${name}>`,
    endValue: '</parameter>',
    gap: '\n',
    close: '\n</function>\n</seed:tool_call>',
    think: '<seed:think>',
  },
  glm: {
    template: 'GLM-4.6',
    open: '<tool_call>search\n',
    key: (name) => `<arg_key>${name}</arg_key>\n<arg_value>`,
    endValue: '</arg_value>',
    gap: '\n',
    close: '\n</tool_call>',
    think: '<think>',
  },
  minimax: {
    template: 'MiniMax-M2',
    open: '<minimax:tool_call>\n<invoke name="search">\n',
    key: (name) => `<parameter name="${name}">`,
    endValue: '</parameter>',
    gap: '\n',
    close: '\n</invoke>\n</minimax:tool_call>',
    think: '<think>\n',
  },
  minicpm: {
    template: 'openbmb-MiniCPM5-1B',
    open: '<function name="search">',
    key: (name) => `<param name="${name}">`,
    endValue: '</param>',
    gap: '',
    close: '</function>',
    think: '<think>\n',
  },
  'deepseek-dsml': {
    template: 'deepseek-ai-DeepSeek-V3.2',
    open: '<｜DSML｜function_calls>\n<｜DSML｜invoke name="search">\n',
    key: (name) => `<｜DSML｜parameter name="${name}" string="${name === 'query'}">`,
    endValue: '</｜DSML｜parameter>',
    gap: '\n',
    close: '\n</｜DSML｜invoke>\n</｜DSML｜function_calls>',
    think: '<think>',
  },
  'deepseek-v4': {
    template: 'deepseek-ai-DeepSeek-V4',
    open: '<｜DSML｜tool_calls>\n<｜DSML｜invoke name="search">\n',
    key: (name) => `<｜DSML｜parameter name="${name}" string="${name === 'query'}">`,
    endValue: '</｜DSML｜parameter>',
    gap: '\n',
    close: '\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>',
    think: '<think>',
  },
};

export interface LiteralFamily extends FamilyCalls {
  readonly member: (name: string, value: string) => string;
  readonly text: (value: string) => string;
}

/** Families with a special notation. */
export const LITERAL_FAMILIES: Readonly<Record<string, LiteralFamily>> = {
  gemma: {
    template: 'google-gemma-4-31B-it',
    open: '<|tool_call>call:search{',
    member: (name, value) => `${name}:${value}`,
    text: (value) => `<|"|>${value}<|"|>`,
    close: '}<tool_call|>',
    think: '<|channel>thought\n',
  },
  lfm2: {
    template: 'LFM2.5-8B-A1B',
    open: '<|tool_call_start|>[search(',
    member: (name, value) => `${name}=${value}`,
    text: (value) => `"${value}"`,
    close: ')]<|tool_call_end|>',
    think: '<think>\n',
  },
};
