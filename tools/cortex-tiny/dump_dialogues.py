"""Prints dialogues as JSON lines: messages, tools, the text and the ids that training sees. For check-tokens.ts.
Stops if one of them holds a question of the evaluation."""

import argparse
import json
import random

from dialogues import draw_dialogue
from phrasing import HELD_OUT, normalise
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
        for message in dialogue.messages:
            if message["role"] == "user" and normalise(message["content"]) in HELD_OUT:
                raise ValueError(f"a question of the evaluation: {message['content']}")
        parts = [text for text, _ in segments(dialogue)]
        ids = [token for text in parts for token in vocabulary.encode(text)]
        row = {"messages": dialogue.messages, "tools": dialogue.tools, "text": "".join(parts), "ids": ids}
        print(json.dumps(row, ensure_ascii=False))


if __name__ == "__main__":
    main()
