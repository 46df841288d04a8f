"""Trains the network of the benchmark "mlp-step" in PyTorch; see steps.py."""

import torch

import steps


def network(shape, take):
    layers = []
    for inputs, outputs in zip(shape["widths"], shape["widths"][1:]):
        layers += [steps.dense(inputs, outputs, take), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


steps.train(network, lambda shape: shape["widths"][:1])
