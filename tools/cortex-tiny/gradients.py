"""Gradients of one step, computed by worker processes of one thread each.

Threads that meet after every operation lose much time on a machine that does other work too; processes that meet once
a step do not. The parameters and the gradients are in shared memory."""

import multiprocessing
import random

import torch
from torch.nn import functional as F

from batches import draw_step
from vocabulary import Vocabulary

# What the user and the tools write is learnt a little too: on a sample of its tokens.
CONTEXT_SHARE, CONTEXT_WEIGHT = 0.1, 0.3
STALLED_S = 600  # workers end when nobody asks for a step for so long
LOGITS_STEP = 256  # logits are computed for a multiple of so many tokens: few shapes, few kernels


def part_loss(model, part):
    """Sum of the weighted losses of a part, sum of the weights, and the sum of the losses of what the model writes."""
    ids, written, is_text, positions = (torch.from_numpy(array) for array in part)
    length = ids.shape[1] - 1
    mask = torch.full((length, length), -1e4).triu(1).bfloat16()
    hidden = model(ids[:, :-1], positions[:, :-1], mask)
    written, is_text = written[:, 1:], is_text[:, 1:]
    is_context = is_text & ~written & (torch.rand(written.shape) < CONTEXT_SHARE)
    weights = (written + CONTEXT_WEIGHT * is_context).flatten()
    chosen = weights.nonzero().flatten()
    count = len(chosen)
    chosen = F.pad(chosen, (0, -count % LOGITS_STEP))
    weights = weights[chosen] * (torch.arange(len(chosen)) < count)
    logits = hidden.flatten(0, 1)[chosen] @ model.token_embd.weight.bfloat16().T
    losses = F.cross_entropy(logits.float(), ids[:, 1:].flatten()[chosen], reduction="none")
    return (losses * weights).sum(), weights.sum(), losses[weights == 1].sum().detach()


class GradientWorkers:
    """`compute` leaves the mean gradient of all workers in the parameters; the workers go on at the next call."""

    def __init__(self, model, count, seed, copying):
        model.share_memory()
        self.model, self.copying = model, copying
        size = sum(parameter.numel() for parameter in model.parameters())
        self.gradients = torch.zeros(count, size).share_memory_()
        self.reports = torch.zeros(count, 3, dtype=torch.float64).share_memory_()
        self.barrier = multiprocessing.Barrier(count + 1, timeout=STALLED_S)
        for rank in range(count):
            multiprocessing.Process(target=self.work, args=(rank, seed * count + rank), daemon=True).start()

    def work(self, rank, seed):
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        rng, vocabulary = random.Random(seed), Vocabulary()
        while True:
            self.barrier.wait()
            self.model.zero_grad()
            weight = loss_written = written = tokens = 0
            for part in draw_step(rng, vocabulary, self.copying):
                loss, part_weight, part_written = part_loss(self.model, part)
                loss.backward()
                weight += part_weight
                loss_written += part_written
                written += part[1][:, 1:].sum()
                tokens += part[2].sum()
            flat = torch.cat([parameter.grad.flatten() for parameter in self.model.parameters()])
            torch.div(flat, weight, out=self.gradients[rank])
            self.reports[rank] = torch.tensor([float(loss_written), float(written), float(tokens)])
            self.barrier.wait()

    def compute(self):
        """Runs one step; returns the loss per token that the model writes and the number of tokens read."""
        self.barrier.wait()
        self.barrier.wait()
        mean, at = self.gradients.mean(0), 0
        for parameter in self.model.parameters():
            parameter.grad = mean[at : at + parameter.numel()].view_as(parameter)
            at += parameter.numel()
        loss, written, tokens = self.reports.sum(0).tolist()
        return loss / written, int(tokens)
