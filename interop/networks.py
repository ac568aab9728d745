"""Do networks of ours give PyTorch's logits, and PyTorch's ours? Use: networks.py UNTRAIN IMAGES.bin [WEIGHTS.safetensors LOGITS]

Trains each kind of network on images in CIFAR's binary format, exports it under PyTorch's usual names, and compares what both say of
them. With a ResNet-20's weights and what the example `cifar` of `untrain-neural` wrote of the same images, compares that too.
Needs torch and safetensors.
"""

import csv
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

NEAR = 1e-4


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, projected):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.pad = (outputs - inputs) // 2
        self.shortcut = nn.Sequential()
        if projected and stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            self.pad = 0

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        side = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad)) if self.pad else self.shortcut(x)
        return F.relu(y + side)


class ResNet(nn.Module):
    def __init__(self, widths, blocks, projected, last):
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs, self.n_stages = widths[0], len(widths)
        for stage, outputs in enumerate(widths):
            layer = []
            for block in range(blocks):
                layer.append(Block(inputs, outputs, 2 if stage and block == 0 else 1, projected))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        setattr(self, last, nn.Linear(inputs, 10))
        self.last = last

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        for stage in range(self.n_stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return getattr(self, self.last)(x.mean((2, 3)))


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 24, 3, padding=1)
        self.fc1, self.fc2 = nn.Linear(24 * 64, 32), nn.Linear(32, 10)

    def forward(self, x):
        for conv in (self.conv1, self.conv2):
            x = F.max_pool2d(F.relu(conv(x)), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(3072, 32), nn.Linear(32, 10)

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


NETWORKS = {
    "mlp": (Mlp, ["hidden=[32]"]),
    "cnn": (Cnn, ["channels=[16,24]", "hidden=32"]),
    "resnet20": (lambda: ResNet([16, 32, 64], 3, False, "linear"), ["depth=20"]),
    "resnet18": (lambda: ResNet([8, 16, 32, 64], 2, True, "linear"), ["depth=18", "width=8"]),
}


def read(path):
    data = np.frombuffer(pathlib.Path(path).read_bytes(), np.uint8).reshape(-1, 3073)
    return torch.from_numpy(data[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255)


def logits(network, weights, images):
    network.load_state_dict({name.removeprefix("module."): tensor for name, tensor in weights.items()}, strict=False)
    known = {name for name in network.state_dict() if "num_batches" not in name}
    assert known == {name.removeprefix("module.") for name in weights if "num_batches" not in name}, "the names differ"
    network.eval()
    with torch.no_grad():
        return torch.cat([network(part) for part in images.split(250)]).double().numpy()


def compare(name, ours, theirs):
    distance = np.abs(ours - theirs).max()
    print(f"{name}: logits of {len(ours)} images differ by at most {distance:.1e}")
    return distance <= NEAR


def main():
    untrain, images, *published = sys.argv[1:]
    pixels, right = read(images), True
    if published:
        weights, found = published
        centred = (pixels - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        theirs = logits(ResNet([16, 32, 64], 3, False, "linear"), load_file(weights), centred)
        right &= compare("the published ResNet-20, read here", np.fromfile(found, np.float32).reshape(-1, 10), theirs)
    with tempfile.TemporaryDirectory() as place:
        run = lambda *arguments: subprocess.run([untrain, "--store", f"{place}/store", "-q", *arguments], check=True, stdout=subprocess.DEVNULL)
        few = pathlib.Path(place, "few.bin")
        few.write_bytes(pathlib.Path(images).read_bytes()[: 500 * 3073])
        run("import", str(few), "--as", "images")
        for name, (network, settings) in NETWORKS.items():
            sets = [part for setting in ["n_epochs=2", *settings] for part in ("--set", setting)]
            run("train", "images", "--as", name, "--learner", name.rstrip("0123456789"), "--seed", "1", *sets)
            weights, said = f"{place}/{name}.safetensors", f"{place}/{name}.csv"
            run("export", name, "--format", "safetensors", "--out", weights)
            run("predict", name, str(few), "--out", said)
            rows = list(csv.reader(open(said)))[1:]
            ours = np.log(np.array([[float(value) for value in row[2:]] for row in rows]))
            theirs = logits(network(), load_file(weights), (pixels[:500] - 0.5) / 0.25)
            # Probabilities tell logits up to a number that is the same for all classes.
            right &= compare(f"{name}, read by PyTorch", *(values - values.mean(1, keepdims=True) for values in (ours, theirs)))
    sys.exit(0 if right else 1)


if __name__ == "__main__":
    main()
