/** What neuron knows about each kind of external server. */
export const SERVER_KINDS = ['openai', 'vllm', 'mistralrs', 'llamacpp', 'comfyui'] as const;
export type ServerKindName = (typeof SERVER_KINDS)[number];

/** The fields of a chat that servers do not have in common. Sources and dates are in docs/harnesses.md. */
export interface ChatFields {
  /**
   * What switches thoughts besides `reasoning_effort`: variables of the template, or a field of the body; absent:
   * nothing.
   */
  readonly switch?: 'variables' | 'field' | undefined;
  /** The efforts that it knows, if it ignores others instead of refusing them. */
  readonly efforts?: readonly string[] | undefined;
  /** Its name of the limit of thoughts; absent: it has none. */
  readonly budget?: string | undefined;
  /** Fields that some servers of the kind refuse: left out once one has. */
  readonly uncertain: readonly string[];
  /** Fields of ours that it does not have. */
  readonly lacks: readonly string[];
}

export interface ServerKind {
  /** Path that answers 200 once the server is ready. */
  readonly readyPath: string;
  /** Requests sent at the same time where neither the load call nor the server says how many. */
  readonly defaultSlots: number;
  /** It loads and unloads single models while it runs. */
  readonly loadsModels: boolean;
  /** It can give the memory of its model back and keep its process. */
  readonly sleeps: boolean;
  /** Whose tokenizer routes it has; absent: none. */
  readonly tokenizer?: 'llamacpp' | 'vllm' | undefined;
  readonly chat: ChatFields;
}

/** Fields by which a client has its last message continued. */
export const CONTINUATION = ['continue_final_message', 'add_generation_prompt'] as const;

export const KINDS: Readonly<Record<ServerKindName, ServerKind>> = {
  openai: {
    readyPath: '/v1/models',
    defaultSlots: 8,
    loadsModels: false,
    sleeps: false,
    chat: { uncertain: CONTINUATION, lacks: [] },
  },
  vllm: {
    readyPath: '/health',
    defaultSlots: 64,
    loadsModels: false,
    sleeps: true,
    tokenizer: 'vllm',
    chat: {
      switch: 'variables',
      budget: 'thinking_token_budget',
      uncertain: ['thinking_token_budget'],
      lacks: [],
    },
  },
  mistralrs: {
    readyPath: '/health',
    defaultSlots: 16,
    loadsModels: true,
    sleeps: false,
    chat: {
      switch: 'field',
      efforts: ['low', 'medium', 'high'],
      uncertain: [],
      lacks: CONTINUATION,
    },
  },
  comfyui: {
    readyPath: '/system_stats',
    defaultSlots: 1,
    loadsModels: false,
    sleeps: false,
    chat: { uncertain: [], lacks: [] },
  },
  llamacpp: {
    readyPath: '/health',
    defaultSlots: 4,
    loadsModels: false,
    sleeps: false,
    tokenizer: 'llamacpp',
    chat: {
      switch: 'variables',
      budget: 'thinking_budget_tokens',
      uncertain: [],
      lacks: [],
    },
  },
};
