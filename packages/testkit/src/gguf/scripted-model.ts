import { gaussian } from './gaussian.ts';
import { f32, f32Tensor, flag, type GgufFile, i32s, text, texts, u32 } from './gguf-file.ts';
import { type Script, TokenChain } from './token-chain.ts';

export interface ScriptedModelOptions {
  /**
   * The text that the model writes, by the value of `chat_template_kwargs.script`. Without that value it writes the
   * script `0`. For an unknown name the answer is undefined.
   */
  readonly scripts: Readonly<Record<string, Script>>;
  /** The chat template. */
  readonly template: string;
  /**
   * Texts of control tokens. The first occurrence in the scripts becomes that token, later ones become ordinary
   * tokens.
   */
  readonly controls?: readonly string[] | undefined;
  /** What the model writes between a prompt and a suffix; absent: it cannot insert text. */
  readonly insertion?: Script | undefined;
}

/** By these names the library knows what they are for. */
const GAP_TOKENS = ['<|fim_prefix|>', '<|fim_suffix|>', '<|fim_middle|>'];

/** Columns of the embeddings; rows of random signs are nearly orthogonal. */
const SIZE = 512;
const FEED_FORWARD = 32;
const HEADS = 8;
/** Logit of the next token. The others are normally distributed with a standard deviation of 60/√512 = 2.7. */
const LOGIT = 60;

/**
 * A Llama of one layer that writes given texts exactly.
 *
 * Attention and feed-forward are zero, so that the logits depend on the last token alone: in the output matrix the
 * row of a token is the embedding of the token before it. The template ends with a token that starts the script.
 */
export function scriptedModel({
  scripts,
  template,
  controls = [],
  insertion,
}: ScriptedModelOptions): GgufFile {
  const gap = insertion === undefined ? [] : GAP_TOKENS;
  const chain = new TokenChain({ end: '<|endoftext|>', controls: [...controls, ...gap] });
  for (const [name, script] of Object.entries(scripts)) chain.add(`<|script:${name}|>`, script);
  if (insertion !== undefined) chain.add('<|fim_middle|>', insertion);
  const start =
    "{%- if add_generation_prompt %}{{ '<|script:' ~ (script | default('0')) ~ '|>' }}{% endif %}";
  return {
    metadata: new Map([
      ['general.architecture', text('llama')],
      ['general.name', text('scripted')],
      ['llama.context_length', u32(8192)],
      ['llama.embedding_length', u32(SIZE)],
      ['llama.block_count', u32(1)],
      ['llama.feed_forward_length', u32(FEED_FORWARD)],
      ['llama.attention.head_count', u32(HEADS)],
      ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
      ['llama.rope.dimension_count', u32(SIZE / HEADS)],
      ['tokenizer.ggml.model', text('gpt2')],
      ['tokenizer.ggml.pre', text('gpt-2')],
      ['tokenizer.ggml.tokens', texts(chain.tokens.map(({ spelling }) => spelling))],
      ['tokenizer.ggml.token_type', i32s(chain.tokens.map(({ isControl }) => (isControl ? 3 : 1)))],
      // The library requires at least one merge; this one never applies.
      ['tokenizer.ggml.merges', texts(['Ā Ā'])],
      ['tokenizer.ggml.eos_token_id', u32(chain.end)],
      ['tokenizer.ggml.add_bos_token', flag(false)],
      ['tokenizer.chat_template', text(template + start)],
    ]),
    tensors: tensorsOf(chain),
  };
}

function tensorsOf({ tokens, next }: TokenChain): GgufFile['tensors'] {
  const random = gaussian(17);
  const embeddings = Float32Array.from({ length: tokens.length * SIZE }, () => Math.sign(random()));
  const output = new Float32Array(tokens.length * SIZE);
  for (const [before, token] of next)
    for (let i = 0; i < SIZE; i++)
      output[token * SIZE + i] =
        (output[token * SIZE + i] ?? 0) + ((embeddings[before * SIZE + i] ?? 0) * LOGIT) / SIZE;
  const filled = (name: string, shape: readonly number[], value: number) =>
    f32Tensor(name, shape, new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(value));
  const shape = [SIZE, tokens.length];
  return [
    f32Tensor('token_embd.weight', shape, embeddings),
    f32Tensor('output.weight', shape, output),
    filled('output_norm.weight', [SIZE], 1),
    filled('blk.0.attn_norm.weight', [SIZE], 1),
    filled('blk.0.ffn_norm.weight', [SIZE], 1),
    ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((part) =>
      filled(`blk.0.${part}.weight`, [SIZE, SIZE], 0),
    ),
    filled('blk.0.ffn_gate.weight', [SIZE, FEED_FORWARD], 0),
    filled('blk.0.ffn_up.weight', [SIZE, FEED_FORWARD], 0),
    filled('blk.0.ffn_down.weight', [FEED_FORWARD, SIZE], 0),
  ];
}
