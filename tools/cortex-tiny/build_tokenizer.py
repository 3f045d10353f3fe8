"""Learns the BPE merges from generated dialogues and stores them in build/tokenizer.json."""

import random

from dialogues import draw_dialogue
from rendering import segments
from vocabulary import TOKENIZER_FILE, train_bpe

SEED = 7
DIALOGUES = 30_000


def main():
    rng = random.Random(SEED)
    train_bpe("".join(text for text, _ in segments(draw_dialogue(rng))) for _ in range(DIALOGUES))
    print(f"{TOKENIZER_FILE}: learnt from {DIALOGUES} dialogues")


if __name__ == "__main__":
    main()
