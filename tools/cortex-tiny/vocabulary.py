"""The tokens that are single in every context, and a tokeniser that yields the ids llama.cpp yields."""

import json
from functools import lru_cache
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

BUILD = Path(__file__).parent / "build"
TOKENIZER_FILE = BUILD / "tokenizer.json"
VOCAB_SIZE = 2048

PAD, START, END = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
CONTROL_TOKENS = [PAD, START, END]
MARKERS = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]

CITIES = """Amsterdam Athens Bangkok Barcelona Beijing Berlin Bogota Boston Brussels Budapest Cairo Chicago
Copenhagen Dallas Delhi Denver Dubai Dublin Geneva Hamburg Helsinki Houston Istanbul Jakarta Kyoto Lagos Lima
Lisbon London Lyon Madrid Manila Melbourne Miami Milan Montreal Moscow Mumbai Munich Nairobi Naples Osaka Oslo
Paris Prague Rome Santiago Seattle Seoul Shanghai Singapore Sofia Stockholm Sydney Tokyo Toronto Vancouver
Vienna Warsaw Zurich""".split() + ["New York", "San Francisco", "Los Angeles", "Hong Kong"]
NUMBERS = [str(n) for n in range(10, 199)] + [f"0{n}" for n in range(10)]
PORTS = ["31313", "31314", "13131"]
# "prometheus" holds "rome": as a token of its own it is cut before the city is looked for.
WHOLE_WORDS = ["127.0.0.1", "prometheus", "Prometheus"]
USER_TOKENS = CITIES + [city.lower() for city in CITIES] + NUMBERS + PORTS + WHOLE_WORDS

# The pre-tokeniser that llama.cpp calls "qwen2".
QWEN2_SPLIT = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LONGEST_FIRST = sorted(CONTROL_TOKENS + MARKERS + USER_TOKENS, key=lambda token: -len(token.encode()))


def cut_whole_tokens(text):
    """Pieces of `text` as (piece, is_whole_token). As in llama.cpp, each token in turn, longest first, cuts all of
    the text that is left; that is not the leftmost longest match."""
    pieces = [(text, False)]
    for token in LONGEST_FIRST:
        if token not in text:
            continue
        cut = []
        for piece, is_whole in pieces:
            if is_whole or token not in piece:
                cut.append((piece, is_whole))
                continue
            for index, rest in enumerate(piece.split(token)):
                if index > 0:
                    cut.append((token, True))
                if rest:
                    cut.append((rest, False))
        pieces = cut
    return pieces


def byte_level_bpe():
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return bpe


def train_bpe(texts):
    """Learns the merges from `texts` and stores them in TOKENIZER_FILE."""
    bpe = byte_level_bpe()
    size = VOCAB_SIZE - len(CONTROL_TOKENS) - len(MARKERS) - len(USER_TOKENS)
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    pieces = (piece for text in texts for piece, is_whole in cut_whole_tokens(text) if not is_whole)
    bpe.train_from_iterator(pieces, trainer)
    if bpe.get_vocab_size() != size:
        raise ValueError(f"{bpe.get_vocab_size()} BPE tokens learnt, {size} wanted: more text is needed")
    BUILD.mkdir(exist_ok=True)
    bpe.save(str(TOKENIZER_FILE))


class Vocabulary:
    """Text to ids and back. BPE tokens come first, then control tokens, markers and user tokens."""

    def __init__(self):
        self.bpe = Tokenizer.from_file(str(TOKENIZER_FILE))
        learnt = sorted(self.bpe.get_vocab().items(), key=lambda item: item[1])
        self.bpe_tokens = [token for token, _ in learnt]
        self.tokens = self.bpe_tokens + CONTROL_TOKENS + MARKERS + USER_TOKENS
        self.whole_ids = {token: index for index, token in enumerate(self.tokens) if index >= len(learnt)}
        self.end_id = self.whole_ids[END]
        self.pad_id = self.whole_ids[PAD]
        self.encode_part = lru_cache(maxsize=200_000)(self._encode)

    def merges(self):
        """The BPE merges as GGUF wants them: "left right", in order."""
        merges = json.loads(self.bpe.to_str())["model"]["merges"]
        return [merge if isinstance(merge, str) else " ".join(merge) for merge in merges]

    def encode(self, text):
        return list(self.encode_part(text))

    def _encode(self, text):
        ids = []
        for piece, is_whole in cut_whole_tokens(text):
            ids.extend([self.whole_ids[piece]] if is_whole else self.bpe.encode(piece).ids)
        return tuple(ids)
