"""Trains cortex-tiny on the CPU for a number of minutes and writes build/weights.npz."""

import argparse
import time

import numpy as np
import torch

from gradients import GradientWorkers
from model import CortexTiny
from muon import Muon
from vocabulary import BUILD

WEIGHTS = BUILD / "weights.npz"
MUON_RATE, ADAM_RATE = 0.02, 3e-3
WARM_UP_STEPS = 50
DECAY_FROM = 0.4
REPORT_EVERY, SAVE_EVERY = 20, 40


def rate_scale(step, progress):
    """Learning rate relative to its peak: warm-up, plateau, linear decay to 2 %."""
    decay = min(1.0, (1 - progress) / (1 - DECAY_FROM))
    return min(1.0, (step + 1) / WARM_UP_STEPS) * max(0.02, decay)


def save(model):
    arrays = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    np.savez(WEIGHTS, **arrays)


class Optimiser:
    """Muon for the matrices inside the blocks, AdamW for the embedding and the norms."""

    def __init__(self, model):
        matrices = [parameter for parameter in model.blk.parameters() if parameter.ndim == 2]
        inside = {id(parameter) for parameter in matrices}
        self.others = [parameter for parameter in model.parameters() if id(parameter) not in inside]
        self.muon = Muon(matrices, MUON_RATE)
        self.adam = torch.optim.AdamW(self.others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.01)

    def step(self, scale):
        torch.nn.utils.clip_grad_norm_(self.others, 1.0)
        self.muon.step(scale)
        for group in self.adam.param_groups:
            group["lr"] = ADAM_RATE * scale
        self.adam.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="start from build/weights.npz")
    parser.add_argument("--peak", type=float, default=1.0, help="learning rates relative to those of a first training")
    parser.add_argument("--copying", type=float, default=5, help="weight of the dialogues that only copy")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    model = CortexTiny()
    if arguments.resume:
        model.load_state_dict({name: torch.from_numpy(array) for name, array in np.load(WEIGHTS).items()})
    workers = GradientWorkers(model, arguments.workers, arguments.seed, arguments.copying)
    optimiser = Optimiser(model)
    print(f"{sum(parameter.numel() for parameter in model.parameters())} parameters", flush=True)

    started = time.monotonic()
    step = tokens = 0
    losses = []
    while (progress := (time.monotonic() - started) / (60 * arguments.minutes)) < 1:
        loss, tokens_read = workers.compute()
        optimiser.step(arguments.peak * rate_scale(step, progress))
        losses.append(loss)
        tokens += tokens_read
        step += 1
        if step % REPORT_EVERY == 0:
            minutes = (time.monotonic() - started) / 60
            recent = np.mean(losses[-REPORT_EVERY:])
            print(f"step {step}  {minutes:.1f} min  loss {recent:.4f}  {tokens / minutes / 60:.0f} tokens/s", flush=True)
        if step % SAVE_EVERY == 0:
            save(model)
    save(model)
    print(f"done: {step} steps, {tokens} tokens")


if __name__ == "__main__":
    main()
