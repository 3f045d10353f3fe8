"""The Qwen3 network in PyTorch, with tensors named as in GGUF."""

import torch
from torch import nn
from torch.nn import functional as F

from model_shape import SHAPE


class Linear(nn.Module):
    """A matrix kept in float32 and used in the type of its input."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype))


class RmsNorm(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x):
        scale = torch.rsqrt(x.float().pow(2).mean(-1, keepdim=True) + SHAPE.norm_epsilon)
        return (x * scale.to(x.dtype)) * self.weight.to(x.dtype)


def rotate(x, cos, sin):
    first, second = x.chunk(2, -1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        width, head = SHAPE.width, SHAPE.head_size
        self.attn_norm, self.ffn_norm = RmsNorm(width), RmsNorm(width)
        self.attn_q_norm, self.attn_k_norm = RmsNorm(head), RmsNorm(head)
        self.attn_q = Linear(width, SHAPE.heads * head)
        self.attn_k = Linear(width, SHAPE.kv_heads * head)
        self.attn_v = Linear(width, SHAPE.kv_heads * head)
        self.attn_output = Linear(SHAPE.heads * head, width)
        self.ffn_gate = Linear(width, SHAPE.hidden)
        self.ffn_up = Linear(width, SHAPE.hidden)
        self.ffn_down = Linear(SHAPE.hidden, width)

    def forward(self, x, cos, sin, mask):
        batch, length, _ = x.shape
        normed = self.attn_norm(x)
        q = self.attn_q_norm(self.attn_q(normed).view(batch, length, SHAPE.heads, -1)).transpose(1, 2)
        k = self.attn_k_norm(self.attn_k(normed).view(batch, length, SHAPE.kv_heads, -1)).transpose(1, 2)
        v = self.attn_v(normed).view(batch, length, SHAPE.kv_heads, -1).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        # Query heads of one key-value head are stacked along the sequence, so that keys are not copied.
        group = SHAPE.heads // SHAPE.kv_heads
        q = q.reshape(batch, SHAPE.kv_heads, group * length, -1)
        scores = (q * SHAPE.head_size**-0.5) @ k.transpose(-1, -2)
        scores = scores.view(batch, SHAPE.kv_heads, group, length, length).add_(mask)
        mixed = F.softmax(scores, -1).view(batch, SHAPE.kv_heads, group * length, length) @ v
        mixed = mixed.view(batch, SHAPE.heads, length, -1).transpose(1, 2).reshape(batch, length, -1)
        x = x + self.attn_output(mixed)
        normed = self.ffn_norm(x)
        return x + self.ffn_down(F.silu(self.ffn_gate(normed)) * self.ffn_up(normed))


class CortexTiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.token_embd = nn.Embedding(SHAPE.vocab, SHAPE.width)
        self.blk = nn.ModuleList(Block() for _ in range(SHAPE.layers))
        self.output_norm = RmsNorm(SHAPE.width)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                into_residual = name.endswith(("attn_output.weight", "ffn_down.weight"))
                nn.init.normal_(parameter, std=0.02 / (2 * SHAPE.layers) ** 0.5 if into_residual else 0.02)

    def forward(self, tokens, positions, mask):
        """Hidden states of every position; multiply by the embedding for logits. `mask` is added to the scores."""
        half = SHAPE.head_size // 2
        frequencies = SHAPE.rope_base ** (-torch.arange(half) / half)
        angles = positions[:, None, :, None] * frequencies
        cos, sin = angles.cos().to(mask.dtype), angles.sin().to(mask.dtype)
        x = self.token_embd(tokens).to(mask.dtype)
        for block in self.blk:
            x = block(x, cos, sin, mask)
        return self.output_norm(x)
