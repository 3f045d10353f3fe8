"""Muon: momentum whose update is made orthogonal, for the matrices inside the blocks (Jordan et al., 2024)."""

import torch

COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices, steps=5):
    """Newton-Schulz iteration on a batch of matrices."""
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    is_tall = x.size(-2) > x.size(-1)
    if is_tall:
        x = x.transpose(-2, -1)
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(steps):
        square = x @ x.transpose(-2, -1)
        x = a * x + (b * square + c * square @ square) @ x
    return (x.transpose(-2, -1) if is_tall else x).float()


class Muon:
    def __init__(self, parameters, rate, momentum=0.95, decay=0.01):
        self.rate, self.momentum, self.decay = rate, momentum, decay
        self.groups = {}
        for parameter in parameters:
            self.groups.setdefault(parameter.shape, []).append(parameter)
        self.velocity = {shape: torch.zeros(len(group), *shape) for shape, group in self.groups.items()}

    @torch.no_grad()
    def step(self, scale):
        for shape, group in self.groups.items():
            gradient = torch.stack([parameter.grad for parameter in group])
            velocity = self.velocity[shape].mul_(self.momentum).add_(gradient)
            update = orthogonalise(gradient + self.momentum * velocity)
            rate = self.rate * scale * max(1, shape[0] / shape[1]) ** 0.5
            for parameter, change in zip(group, update):
                parameter.mul_(1 - self.rate * scale * self.decay).add_(change, alpha=-rate)
