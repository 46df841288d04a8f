"""What the scripts that train a network in PyTorch have in common.

They are called with FOLDER cpu|cuda. FOLDER has numbers.bin (little-endian floats: weights and biases layer by layer, then for each batch
its features and its classes) and shape.json. One line of JSON is printed: the loss before each of the first steps, seconds a step for
each round, and peak memory.
"""

import json
import pathlib
import resource
import sys
import time

import numpy
import torch


def train(build, features):
    """build(shape, take) gives the network, and features(shape) the dimensions of one row."""
    folder, device = pathlib.Path(sys.argv[1]), sys.argv[2]
    shape = json.loads((folder / "shape.json").read_text())
    numbers = numpy.fromfile(folder / "numbers.bin", dtype="<f4")
    torch.set_num_threads(shape["threads"])
    position = 0

    def take(*size):
        nonlocal position
        count = int(numpy.prod(size))
        position += count
        return torch.from_numpy(numbers[position - count:position].reshape(size).copy())

    model = build(shape, take).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=shape["rate"])
    # A GPU gets each batch from the host's memory, as a training with more data than fits would.
    rows = shape["rows"]
    batches = [(take(rows, *features(shape)), take(rows).long()) for _ in range(shape["batches"])]

    def step(index):
        inputs, classes = (part.to(device) for part in batches[index % len(batches)])
        optimizer.zero_grad(set_to_none=True)
        loss = torch.nn.functional.cross_entropy(model(inputs), classes)
        loss.backward()
        optimizer.step()
        return loss.item()

    losses = [step(index) for index in range(shape["warmUp"])]
    done, seconds = shape["warmUp"], []
    for _ in range(shape["rounds"]):
        began = time.perf_counter()
        for _ in range(shape["steps"]):
            step(done)
            done += 1
        seconds.append((time.perf_counter() - began) / shape["steps"])

    print(json.dumps({"losses": losses, "seconds": seconds, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def dense(inputs, outputs, take):
    layer = torch.nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.copy_(take(inputs, outputs).T)
        layer.bias.copy_(take(outputs))
    return layer
