"""Trains the network of the benchmark "cnn-step" in PyTorch; see steps.py."""

import torch

import steps

CLASSES = 10


def network(shape, take):
    layers, side = [], shape["size"]
    for inputs, outputs in zip(shape["channels"], shape["channels"][1:]):
        convolution = torch.nn.Conv2d(inputs, outputs, 3, padding=1)
        with torch.no_grad():
            convolution.weight.copy_(take(outputs, inputs, 3, 3))
            convolution.bias.copy_(take(outputs))
        layers += [convolution, torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
        side //= 2
    return torch.nn.Sequential(*layers, torch.nn.Flatten(), steps.dense(shape["channels"][-1] * side * side, CLASSES, take))


steps.train(network, lambda shape: [shape["channels"][0], shape["size"], shape["size"]])
