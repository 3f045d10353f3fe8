/** What neuron knows about each kind of external server. */
export const SERVER_KINDS = ['openai', 'vllm', 'mistralrs', 'llamacpp', 'comfyui'] as const;
export type ServerKindName = (typeof SERVER_KINDS)[number];

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
}

export const KINDS: Readonly<Record<ServerKindName, ServerKind>> = {
  openai: { readyPath: '/v1/models', defaultSlots: 8, loadsModels: false, sleeps: false },
  vllm: {
    readyPath: '/health',
    defaultSlots: 64,
    loadsModels: false,
    sleeps: true,
    tokenizer: 'vllm',
  },
  mistralrs: { readyPath: '/health', defaultSlots: 16, loadsModels: true, sleeps: false },
  comfyui: { readyPath: '/system_stats', defaultSlots: 1, loadsModels: false, sleeps: false },
  llamacpp: {
    readyPath: '/health',
    defaultSlots: 4,
    loadsModels: false,
    sleeps: false,
    tokenizer: 'llamacpp',
  },
};
