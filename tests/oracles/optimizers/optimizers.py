"""Writes trajectories of PyTorch's optimizers, for the tests of AIaaS.Learning.

Needs python3-torch (1.13). Run it as /usr/bin/python3 tests/oracles/optimizers/optimizers.py; it writes trajectories.csv beside itself:
for each case the loss before each of 100 steps and, after the last of them, the weights, in double precision.

The model is x -> tanh(x a + b) c with 6 inputs, 5 hidden units and 2 outputs, over the same 12 rows in each step; the loss is the
mean squared error. All numbers come from `scattered`, so that a test can make them again.
The rates are ones at which PyTorch's own results in single precision are within 1e-5 of these.
"""

import csv
import math
import pathlib

import torch

FOLDER = pathlib.Path(__file__).parent
STEPS = 100


def scattered(count, start):
    """Integers that look random, as numbers from -1 to 1."""
    return [((i + 1) * (i + start) * 31 % 257) / 128 - 1 for i in range(count)]


def tensor(start, *shape, scale=1.0):
    return (torch.tensor(scattered(math.prod(shape), start), dtype=torch.float64) * scale).reshape(shape)


def model():
    return [w.requires_grad_() for w in (tensor(3, 6, 5, scale=0.5), tensor(5, 5, scale=0.1), tensor(8, 5, 2, scale=0.5))]


def loss_of(weights):
    a, b, c = weights
    return ((torch.tanh(tensor(13, 12, 6) @ a + b) @ c - tensor(21, 12, 2, scale=2)) ** 2).mean()


def run(make, schedule=lambda optimizer: None, clip=lambda weights: None, penalty=lambda weights: 0.0, plateau=False):
    weights = model()
    optimizer = make(weights)
    scheduler = schedule(optimizer)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(weights)
        losses.append(loss.item())
        (loss + penalty(weights)).backward()
        clip(weights)
        optimizer.step()
        if scheduler is not None:
            scheduler.step(losses[-1]) if plateau else scheduler.step()
    return losses + [w for weight in weights for w in weight.detach().flatten().tolist()]


O = torch.optim
S = torch.optim.lr_scheduler
CASES = {
    "sgd": lambda: run(lambda w: O.SGD(w, 0.1)),
    "momentum": lambda: run(lambda w: O.SGD(w, 0.05, momentum=0.9)),
    "nesterov": lambda: run(lambda w: O.SGD(w, 0.05, momentum=0.9, nesterov=True)),
    "adagrad": lambda: run(lambda w: O.Adagrad(w, 0.03)),
    "rmsprop": lambda: run(lambda w: O.RMSprop(w, 0.003)),
    "adam": lambda: run(lambda w: O.Adam(w, 0.02)),
    "adamw": lambda: run(lambda w: O.AdamW(w, 0.02, weight_decay=0.1)),
    "l2": lambda: run(lambda w: O.SGD(w, 0.05, momentum=0.9, weight_decay=0.02)),
    "adam-l2": lambda: run(lambda w: O.Adam(w, 0.02, weight_decay=0.02)),
    "l1": lambda: run(lambda w: O.SGD(w, 0.1), penalty=lambda weights: 0.01 * sum(w.abs().sum() for w in weights)),
    "clip-norm": lambda: run(lambda w: O.SGD(w, 0.1, momentum=0.9), clip=lambda w: torch.nn.utils.clip_grad_norm_(w, 0.3)),
    "clip-value": lambda: run(lambda w: O.SGD(w, 0.1, momentum=0.9), clip=lambda w: torch.nn.utils.clip_grad_value_(w, 0.05)),
    "cosine": lambda: run(lambda w: O.SGD(w, 0.2), lambda o: S.CosineAnnealingLR(o, STEPS, 0.01)),
    "warm-up": lambda: run(lambda w: O.Adam(w, 0.03), lambda o: S.SequentialLR(
        o, [S.LinearLR(o, start_factor=0.01, total_iters=20), S.CosineAnnealingLR(o, STEPS - 20)], [20])),
    "plateau": lambda: run(
        lambda w: O.SGD(w, 0.6), lambda o: S.ReduceLROnPlateau(o, factor=0.5, patience=3, threshold=0.05), plateau=True),
}

if __name__ == "__main__":
    with (FOLDER / "trajectories.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for name, case in CASES.items():
            writer.writerow([name] + [f"{value:.9g}" for value in case()])
