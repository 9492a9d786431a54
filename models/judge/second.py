#!/usr/bin/env python3
"""Trains the second judge of `deepface evaluate`, which nobody tunes to, and writes models/second-judge.safetensors.

The first judge learned from clean views. This one looks closer (96 pixels a side), has another architecture (one-shot
aggregation: VoVNet, Lee et al. 2019), another seed, and views that are also blurred, noisy, recompressed and scaled at random.

    python3 -m venv venv && venv/bin/pip install torch numpy pillow safetensors
    venv/bin/python models/judge/second.py --data LFW --epochs 18 --threads 1 \\
        --output models/second-judge.safetensors --golden client/evaluate/tests/golden/second-judge.json

About 28 minutes on one of two busy cores, and 1.8 GB of memory. `common.py` describes the data and what both judges share.
"""

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import common

# Channels of the stem's two convolutions.
STEM = 32
# Each stage: 3x3 convolutions, channels of each, channels of the stage's output.
STAGES = [(3, 32, 64), (4, 48, 96), (5, 80, 192), (4, 96, 256)]


class Layer(nn.Module):
    """A convolution that keeps the size of the image except for its stride, batch normalisation, ReLU."""

    def __init__(self, width, to, kernel, stride=1):
        super().__init__()
        self.convolution = nn.Conv2d(width, to, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(to)

    def forward(self, x):
        return F.relu(self.norm(self.convolution(x)))


class Stage(nn.Module):
    """3x3 convolutions, each of the previous one's output; a 1x1 convolution of the input and all their outputs."""

    def __init__(self, width, count, inner, to):
        super().__init__()
        widths = [width] + [inner] * count
        self.layers = nn.ModuleList(Layer(before, inner, 3) for before in widths[:-1])
        self.all = Layer(sum(widths), to, 1)

    def forward(self, x):
        outputs = [x]
        for layer in self.layers:
            outputs.append(layer(outputs[-1]))
        return self.all(torch.cat(outputs, 1))


class Judge(common.Judge):
    """A stem that halves the image, stages with max pooling between them, the mean over the image, one linear layer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(Layer(3, STEM, 3, 2), Layer(STEM, STEM, 3))
        stages, width = [], STEM
        for count, inner, to in STAGES:
            stages.append(Stage(width, count, inner, to))
            width = to
        self.stages, self.head = nn.ModuleList(stages), nn.Linear(width, len(common.ATTRIBUTES))

    def embed(self, x):
        x = self.stem(x)
        for i, stage in enumerate(self.stages):
            x = stage(F.max_pool2d(x, 2) if i > 0 else x)
        return x.mean((2, 3))


def degraded(views):
    """Views of 0 to 1, each scaled down and up, blurred, noisy or recompressed, or several of these, or none."""
    n = len(views)
    some = lambda share: (torch.rand(n) < share).tolist()
    random = lambda low, high: (torch.rand(n) * (high - low) + low)
    x = scaled(views, some(0.3), random(0.35, 0.9).tolist())
    x = torch.where(torch.tensor(some(0.4)).view(n, 1, 1, 1), blurred(x, random(0.3, 1.6)), x)
    noise = torch.randn(x.shape) * random(0.005, 0.08).view(n, 1, 1, 1)
    x = torch.where(torch.tensor(some(0.4)).view(n, 1, 1, 1), x + noise, x).clamp(0, 1)
    return recompressed(x, some(0.5), torch.randint(25, 96, (n,)).tolist())


def scaled(views, some, shares):
    """Some of the views down to a share of their size, and up again."""
    side = views.shape[-1]
    to = lambda view, size: F.interpolate(view, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return torch.cat([
        to(to(view, round(side * share)), side) if chosen else view
        for view, chosen, share in zip(views.split(1), some, shares)
    ])


def blurred(views, sigmas):
    """Each view through a Gaussian of its own deviation in pixels."""
    n, channels, side, _ = views.shape
    reach = 5
    offsets = torch.arange(-reach, reach + 1).float()
    kernels = (-0.5 * (offsets / sigmas.view(n, 1)).square()).exp()
    kernels = (kernels / kernels.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    x = F.pad(views.reshape(1, n * channels, side, side), [reach] * 4, mode="replicate")
    x = F.conv2d(x, kernels.view(n * channels, 1, 1, -1), groups=n * channels)
    x = F.conv2d(x, kernels.view(n * channels, 1, -1, 1), groups=n * channels)
    return x.view(views.shape)


def recompressed(views, some, qualities):
    """Some of the views through JPEG."""
    views = views.clone()
    for k, (chosen, quality) in enumerate(zip(some, qualities)):
        if chosen:
            pixels = (views[k] * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "JPEG", quality=quality)
            views[k] = torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255
    return views


def tensors(net):
    """The tensors of the file, by name."""
    file = common.Tensors()
    put = lambda name, layer: file.folded(name, layer.convolution, layer.norm)
    for i, layer in enumerate(net.stem):
        put(f"stem.{i}", layer)
    for i, stage in enumerate(net.stages):
        for k, layer in enumerate(stage.layers):
            put(f"stages.{i}.layers.{k}", layer)
        put(f"stages.{i}.all", stage.all)
    file.put("head", net.head.weight, net.head.bias)
    return file


def embedding(weights, x):
    """What `Judge.embed` computes, by the folded weights."""
    for i in range(2):
        x = F.relu(F.conv2d(x, *weights.of(f"stem.{i}"), 2 if i == 0 else 1, 1))
    for i, (count, _, _) in enumerate(STAGES):
        outputs = [F.max_pool2d(x, 2) if i > 0 else x]
        for k in range(count):
            outputs.append(F.relu(F.conv2d(outputs[-1], *weights.of(f"stages.{i}.layers.{k}"), 1, 1)))
        x = F.relu(F.conv2d(torch.cat(outputs, 1), *weights.of(f"stages.{i}.all")))
    return x.mean((2, 3))


ARCHITECTURE = {
    "architecture": "aggregation", "stem": STEM,
    "stages": [{"layers": count, "width": inner, "output": to} for count, inner, to in STAGES],
}
RECIPE = common.Recipe(
    network=Judge, input=96, epochs=18, seed=2024, degraded=degraded, tensors=tensors, embedding=embedding,
    version=2, architecture=ARCHITECTURE,
)

if __name__ == "__main__":
    common.main(RECIPE, __doc__)
