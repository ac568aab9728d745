"""Seconds a training step of three networks takes in PyTorch, on the CPU, as JSON. Use: networks.py --threads N"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.pad = (outputs - inputs) // 2

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.pad:
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))
        return F.relu(x + y)


def resnet20():
    layers, inputs = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for stage, outputs in enumerate([16, 32, 64]):
        for block in range(3):
            layers.append(Block(inputs, outputs, 2 if stage and block == 0 else 1))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    networks = {
        "MLP": (nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)), (128, 1, 28, 28), 200),
        "CNN": (cnn(), (128, 1, 28, 28), 20),
        "ResNet-20": (resnet20(), (128, 3, 32, 32), 12),
    }
    found = {}
    for name, (network, shape, n) in networks.items():
        x, y = torch.rand(shape) - 0.5, torch.arange(128) % 10
        optimiser, seconds = torch.optim.Adam(network.parameters(), 1e-3), []
        for _ in range(n):
            start = time.perf_counter()
            optimiser.zero_grad()
            F.cross_entropy(network(x), y).backward()
            optimiser.step()
            seconds.append(time.perf_counter() - start)
        found[name] = statistics.median(seconds)
    print(json.dumps({"versions": {"torch": torch.__version__}, "seconds": found}))


main()
