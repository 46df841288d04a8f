"""Writes gradients that PyTorch finds, for the tests of AIaaS.Learning.

Needs python3-torch (1.13). Run it as /usr/bin/python3 tests/oracles/gradients/gradients.py; it writes figures.csv beside itself: for
each case its name with the shapes of its inputs, and the gradients of all inputs one after the other, in double precision.

The loss is the sum of the result's elements times cos 1, cos 2 and so on. Inputs come from `scattered`, so that a test can make them
again; where a name is in TIES they are rounded to halves, as the gradient at equal elements is a convention.
"""

import csv
import math
import pathlib

import torch
from torch.nn import functional as F

FOLDER = pathlib.Path(__file__).parent
TIES = {"Max of equals", "Min of equals", "Relu at zero", "Clip at the bounds", "ReduceMax of equals", "MaxPool of equals"}


def scattered(count, start, ties):
    """Integers that look random, as numbers from -1 to 1."""
    numbers = [((i + 1) * (i + start) * 31 % 257) / 128 - 1 for i in range(count)]
    return [round(x * 2) / 2 for x in numbers] if ties else numbers


def batch_norm(x, scale, shift, mean=None, variance=None):
    return F.batch_norm(x, mean, variance, scale, shift, training=mean is None)


def scatter(data, places, updates, add=False):
    return data.index_put(tuple(torch.tensor(p) for p in places), updates, accumulate=add)


def conv(x, w, b=None, pads=None, **options):
    """With pads as PyTorch's `pad` has them, last axis first."""
    x = F.pad(x, pads) if pads else x
    return (F.conv1d, F.conv2d, F.conv3d)[x.dim() - 3](x, w, b, **options)


BROADCASTS = ["3x4 | 4", "2x3x4 | 3x1", " | 2x3"]
CASES = {
    "Add": (BROADCASTS, lambda a, b: a + b),
    "Sub": (BROADCASTS, lambda a, b: a - b),
    "Mul": (BROADCASTS, lambda a, b: a * b),
    "Div": (BROADCASTS, lambda a, b: a / (b + 3)),
    "Pow": (BROADCASTS, lambda a, b: (a + 2) ** b),
    "Max": (BROADCASTS, torch.maximum),
    "Min": (BROADCASTS, torch.minimum),
    "Where": (BROADCASTS, lambda a, b: torch.where(a > b, a * a, b)),
    "Max of equals": ("3x4 | 3x4", torch.maximum),
    "Min of equals": ("3x4 | 3x4", torch.minimum),
    "Neg": ("3x4", lambda x: -x),
    "Exp": ("3x4", torch.exp),
    "Log": ("3x4", lambda x: torch.log(x + 3)),
    "Sqrt": ("3x4", lambda x: torch.sqrt(x + 3)),
    "Tanh": ("3x4", torch.tanh),
    "Sigmoid": ("3x4", torch.sigmoid),
    "Relu": ("3x4", torch.relu),
    "Relu at zero": ("3x4", torch.relu),
    "LeakyRelu": ("3x4", lambda x: F.leaky_relu(x, 0.2)),
    "Erf": ("3x4", torch.erf),
    "Gelu": ("3x4", F.gelu),
    "Clip": ("3x4", lambda x: x.clamp(-0.7, 0.5)),
    "Clip at the bounds": ("3x4", lambda x: x.clamp(-0.5, 0.5)),
    "MatMul": ("3x4 | 4x2", torch.matmul),
    "MatMul of a batch with a matrix": ("2x3x4 | 4x2", torch.matmul),
    "MatMul of batches": ("2x1x3x4 | 5x4x2", torch.matmul),
    "Gemm": ("3x4 | 4x2 | 2", lambda a, b, c: 0.7 * (a @ b) + 1.3 * c),
    "Transpose of three axes": ("2x3x4", lambda x: x.permute(2, 0, 1).exp()),
    "Softmax": ("3x4", lambda x: x.softmax(-1)),
    "LogSoftmax": ("2x3x4", lambda x: x.log_softmax(-1)),
    "ReduceSum": ("3x4x2", lambda x: x.sum(1).exp()),
    "ReduceMean": ("3x4", lambda x: x.mean(0).exp()),
    "ReduceMax": ("3x4x2", lambda x: x.amax(1).exp()),
    "ReduceMax of equals": ("3x8", lambda x: x.amax(1)),
    "Reshape": ("3x4", lambda x: x.reshape(2, 6).exp()),
    "Flatten": ("2x3x2", lambda x: x.flatten(1).exp()),
    "Squeeze": ("3x1x2x1", lambda x: x.squeeze().exp()),
    "Unsqueeze": ("3x4", lambda x: x.unsqueeze(1).exp()),
    "Expand": ("3x1", lambda x: x.expand(2, 3, 4).exp()),
    "Concat": ("3x1 | 3x2 | 3x3", lambda *v: torch.cat(v, 1) * torch.cat(v, 1)),
    "Split": ("3x3", lambda x: x[:, :1] * x[:, 1:]),
    "Pad": ("2x3", lambda x: F.pad(x, (1, 2)).exp()),
    "Slice": ("4x5", lambda x: x[:, 1:-1].exp()),
    "Slice backwards": ("2x7", lambda x: x.flip(1)[:, 1::2].exp()),
    "Gather": ("3x4", lambda x: x[[2, 0, 2, -1, 2]].exp()),
    "Gather in a table": ("2x4x3", lambda x: x[:, [[3, 1, 1], [0, -1, 3]]].exp()),
    "GatherND": ("3x4", lambda x: x[[2, 0, 2], [0, -1, 0]].exp()),
    "ScatterND": ("4x3 | 2x3", lambda x, u: scatter(x, [[3, 1]], u).exp()),
    "ScatterND that adds": ("4x3 | 3x3", lambda x, u: scatter(x, [[3, 1, 3]], u, add=True).exp()),
    "Conv": ("2x3x5x6 | 4x3x3x3 | 4", lambda x, w, b: conv(x, w, b, padding=1)),
    "Conv of many channels": ("2x9x4x5 | 3x9x3x2 | 3", conv),
    "Conv in steps": ("2x9x6x7 | 3x9x3x3", lambda x, w: conv(x, w, stride=2, padding=1)),
    "Conv in steps that leave an end": ("2x2x6x8 | 3x2x3x3", lambda x, w: conv(x, w, pads=(0, 2, 1, 0), stride=(3, 2))),
    "Conv with dilation": ("1x2x7x7 | 2x2x3x3", lambda x, w: conv(x, w, padding=2, dilation=2)),
    "Conv in groups": ("2x4x5x5 | 6x2x3x3 | 6", lambda x, w, b: conv(x, w, b, stride=2, padding=1, groups=2)),
    "Conv along one axis": ("2x3x8 | 4x3x3 | 4", lambda x, w, b: conv(x, w, b, pads=(1, 0), stride=2)),
    "Conv along three axes": ("1x2x3x4x4 | 2x2x2x3x2", lambda x, w: conv(x, w, pads=(1, 0, 0, 1, 1, 0))),
    "ConvTranspose": ("2x3x4x4 | 3x2x3x3 | 2", lambda x, w, b: F.conv_transpose2d(x, w, b, padding=1)),
    "ConvTranspose in steps": (
        "2x3x3x4 | 3x9x3x3", lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=(1, 0))),
    "ConvTranspose in groups": ("2x4x3x3 | 4x3x2x2 | 6", lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2, groups=2)),
    "MaxPool": ("2x3x4x6", lambda x: F.max_pool2d(x, 2).exp()),
    "MaxPool with windows that overlap": ("2x2x5x5", lambda x: F.max_pool2d(x, 3, 2, padding=1).exp()),
    "MaxPool of equals": ("2x2x4x6", lambda x: F.max_pool2d(x, 2)),
    "AveragePool": ("2x3x4x6", lambda x: F.avg_pool2d(x, 2)),
    "AveragePool with windows that overlap": ("2x2x5x6", lambda x: F.avg_pool2d(x, 3, 2, padding=1, count_include_pad=False)),
    "AveragePool that counts pads": ("2x2x5x6", lambda x: F.avg_pool2d(x, 3, 2, padding=1)),
    "GlobalAveragePool": ("2x3x4x5", lambda x: F.adaptive_avg_pool2d(x, 1).exp()),
    "BatchNormalization": ("3x2x2x3 | 2 | 2", lambda *v: batch_norm(*v).exp()),
    "BatchNormalization that serves": ("3x2x2x3 | 2 | 2 | 2 | 2", lambda x, s, b, m, v: (
        (x - m.reshape(2, 1, 1)) / torch.sqrt(v + 3 + 1e-5).reshape(2, 1, 1) * s.reshape(2, 1, 1) + b.reshape(2, 1, 1)).exp()),
    "LayerNormalization": ("3x4 | 4 | 4", lambda x, s, b: F.layer_norm(x, (4,), s, b).exp()),
    "LayerNormalization of two axes": ("2x3x4 | 3x4 | 4", lambda x, s, b: (F.layer_norm(x, (3, 4), s) + b).exp()),
}


def gradients(name, shapes, function):
    inputs = []
    for index, shape in enumerate(shapes.split("|")):
        sizes = [int(size) for size in shape.split("x")] if shape.strip() else []
        numbers = torch.tensor(scattered(math.prod(sizes), 2 * index + 3, name in TIES), dtype=torch.float64)
        inputs.append(numbers.reshape(sizes).requires_grad_())
    result = function(*inputs)
    parts = torch.cos(torch.arange(1, result.numel() + 1, dtype=torch.float64)).reshape(result.shape)
    (result * parts).sum().backward()
    return [number for x in inputs for number in x.grad.flatten().tolist()]


if __name__ == "__main__":
    with (FOLDER / "figures.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for name, (cases, function) in CASES.items():
            for shapes in [cases] if isinstance(cases, str) else cases:
                writer.writerow([f"{name} {shapes}"] + [f"{number:.7g}" for number in gradients(name, shapes, function)])
