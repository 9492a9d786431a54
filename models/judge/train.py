#!/usr/bin/env python3
"""Trains the first judge of `deepface evaluate`, a residual network, and writes models/judge.safetensors.

    python3 -m venv venv && venv/bin/pip install torch numpy pillow safetensors
    venv/bin/python models/judge/train.py --data LFW --epochs 16 --output models/judge.safetensors \\
        --golden client/evaluate/tests/golden/judge.json

About five minutes on 2 cores and 0.7 GB of memory. The golden vectors are what `cargo test -p deepface-evaluate` compares its
own arithmetic with. `common.py` describes the data and what both judges share.
"""

import torch.nn.functional as F
from torch import nn

import common

WIDTHS = [32, 64, 128, 160]


class Block(nn.Module):
    """relu(conv2(relu(conv1(x))) + shortcut(x)); a stride pools the shortcut, another width is a 1x1 convolution."""

    def __init__(self, width, to, stride):
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(width, to, 3, stride, 1, bias=False), nn.BatchNorm2d(to)
        self.conv2, self.norm2 = nn.Conv2d(to, to, 3, 1, 1, bias=False), nn.BatchNorm2d(to)
        self.shortcut = nn.Conv2d(width, to, 1, bias=False) if width != to else None
        self.stride = stride

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        x = F.avg_pool2d(x, self.stride) if self.stride > 1 else x
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class Judge(common.Judge):
    """A stem, two blocks of each width, the mean over the image, one linear layer."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, WIDTHS[0], 5, 2, 2, bias=False), nn.BatchNorm2d(WIDTHS[0])
        blocks, width = [], WIDTHS[0]
        for stage, to in enumerate(WIDTHS):
            for depth in range(2):
                blocks.append(Block(width, to, 2 if stage > 0 and depth == 0 else 1))
                width = to
        self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(width, len(common.ATTRIBUTES))

    def embed(self, x):
        return self.blocks(F.relu(self.norm(self.stem(x)))).mean((2, 3))


def tensors(net):
    """The tensors of the file, by name."""
    file = common.Tensors()
    file.folded("stem", net.stem, net.norm)
    for i, block in enumerate(net.blocks):
        file.folded(f"blocks.{i}.conv1", block.conv1, block.norm1)
        file.folded(f"blocks.{i}.conv2", block.conv2, block.norm2)
        if block.shortcut is not None:
            file.put(f"blocks.{i}.shortcut", block.shortcut.weight)
    file.put("head", net.head.weight, net.head.bias)
    return file


def embedding(weights, x):
    """What `Judge.embed` computes, by the folded weights."""
    x = F.relu(F.conv2d(x, *weights.of("stem"), 2, 2))
    for i, to in enumerate(to for to in WIDTHS for _ in range(2)):
        stride = 2 if i > 0 and i % 2 == 0 else 1
        name = f"blocks.{i}"
        y = F.relu(F.conv2d(x, *weights.of(f"{name}.conv1"), stride, 1))
        y = F.conv2d(y, *weights.of(f"{name}.conv2"), 1, 1)
        x = F.avg_pool2d(x, stride) if stride > 1 else x
        x = F.relu(y + (x if x.shape[1] == to else F.conv2d(x, *weights.of(f"{name}.shortcut"))))
    return x.mean((2, 3))


RECIPE = common.Recipe(
    network=Judge, input=64, epochs=16, seed=77, degraded=lambda views: views, tensors=tensors, embedding=embedding,
    version=1, architecture={"widths": WIDTHS},
)

if __name__ == "__main__":
    common.main(RECIPE, __doc__)
