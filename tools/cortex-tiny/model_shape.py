"""The size of the network, shared by training and export."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    vocab: int = 2048
    width: int = 256
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 64
    hidden: int = 640
    rope_base: float = 10000.0
    norm_epsilon: float = 1e-6
    context_length: int = 4096


SHAPE = Shape()
