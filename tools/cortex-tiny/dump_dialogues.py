"""Prints dialogues as JSON lines: messages, tools, the text and the ids that training sees. For check-tokens.ts."""

import argparse
import json
import random

from dialogues import draw_dialogue
from rendering import segments
from vocabulary import Vocabulary


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=11)
    arguments = parser.parse_args()
    rng, vocabulary = random.Random(arguments.seed), Vocabulary()
    for _ in range(arguments.count):
        dialogue = draw_dialogue(rng)
        parts = [text for text, _ in segments(dialogue)]
        ids = [token for text in parts for token in vocabulary.encode(text)]
        row = {"messages": dialogue.messages, "tools": dialogue.tools, "text": "".join(parts), "ids": ids}
        print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
