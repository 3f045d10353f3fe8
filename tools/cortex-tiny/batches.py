"""Turns dialogues into training batches."""

import numpy as np

from dialogues import draw_dialogue
from rendering import segments

DIALOGUES_PER_STEP = 20
PARTS_PER_STEP = 4
# Kernels are compiled for each new shape, so there are only a few.
LENGTHS = (65, 97, 129, 161, 193, 225, 257, 289, 321, 385, 449, 513, 641, 769, 1025)
LONGEST = LENGTHS[-1]
WIDEST_GAP = 900
GAPPED_SHARE = 0.25


def encode_dialogue(rng, vocabulary, copying):
    """Ids, whether the model writes each of them, and positions. In a share of the dialogues the positions jump
    between the turns, so that far distances are known without long texts."""
    ids, written, positions = [], [], []
    position = 0
    is_gapped = rng.random() < GAPPED_SHARE
    for text, is_written in segments(draw_dialogue(rng, copying)):
        if is_gapped and text.startswith("<|im_start|>user") and rng.random() < 0.6:
            position += rng.randrange(WIDEST_GAP)
        encoded = vocabulary.encode(text)
        ids += encoded
        written += [is_written] * len(encoded)
        positions += range(position, position + len(encoded))
        position += len(encoded)
    return ids[:LONGEST], written[:LONGEST], positions[:LONGEST]


def draw_step(rng, vocabulary, copying):
    """The parts of one step: (ids, written, is_text, positions), each of dialogues of similar length. A pad after the
    end needs no mask, since attention is causal."""
    drawn = (encode_dialogue(rng, vocabulary, copying) for _ in range(DIALOGUES_PER_STEP))
    encoded = sorted(drawn, key=lambda one: len(one[0]))
    size = DIALOGUES_PER_STEP // PARTS_PER_STEP
    parts = []
    for start in range(0, DIALOGUES_PER_STEP, size):
        rows = encoded[start : start + size]
        shape = (size, next(length for length in LENGTHS if length >= len(rows[-1][0])))
        ids = np.full(shape, vocabulary.pad_id, np.int64)
        written, is_text = np.zeros(shape, bool), np.zeros(shape, bool)
        positions = np.zeros(shape, np.float32)
        for row, (row_ids, row_written, row_positions) in enumerate(rows):
            length = len(row_ids)
            ids[row, :length], written[row, :length] = row_ids, row_written
            positions[row, :length], is_text[row, :length] = row_positions, True
        parts.append((ids, written, is_text, positions))
    return parts
