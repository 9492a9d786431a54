#!/usr/bin/env python3
"""Trains the aligner of the face detector and writes models/aligner.safetensors.

The detector says where a face is; the aligner says how it lies: which way is up, and where exactly the square is that the
models expect. It learns this from photographs of LFW deep-funneled, in which the face is upright and the square is the
central 160 of 250 pixels: each is turned, shifted and scaled at random, and the network finds the turn, shift and scale.
It sees the training people only.

    python3 -m venv venv && venv/bin/pip install torch numpy pillow safetensors
    venv/bin/python models/aligner/train.py --data LFW --output first.safetensors
    venv/bin/python models/aligner/train.py --data LFW --start first.pt --rate 1e-3 --seed 2 --output models/aligner.safetensors

LFW is the public layout: a folder per person (`Aaron_Peirsol/Aaron_Peirsol_0001.jpg`, deep-funneled, 250x250 pixels). About
a quarter of an hour on one core for each of the two runs.
"""

import argparse
import math
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import nn

INPUT = 64
# Pixels a side of a photograph in memory, and of the square that the models expect in it.
PHOTOGRAPH = 128
SQUARE = PHOTOGRAPH * 160 / 250
# Side of the aligner's view over that of the square.
VIEW = 1.1
# What follows the stem: a separable convolution to so many channels, or "pool".
LAYERS = [32, "pool", 64, 64, "pool", 96, 96, "pool", 128]
STEM, HIDDEN = 16, 64


def split_of(person):
    """As `deepface_dataset::split_of`: 64-bit FNV-1a of the name."""
    hash = 0xCBF29CE484222325
    for byte in person.encode():
        hash = ((hash ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    share = hash % 100
    return "test" if share < 12 else "validation" if share < 20 else "train"


def photographs(data, split):
    """Every photograph of one split, `[n, 3, 128, 128]`, 0 to 255."""
    paths = sorted(path for path in data.glob("**/*.jpg") if split_of(path.parent.name) == split)
    scaled = (Image.open(path).convert("RGB").resize((PHOTOGRAPH, PHOTOGRAPH), Image.BOX) for path in paths)
    return torch.tensor(np.stack([np.asarray(image) for image in scaled])).permute(0, 3, 1, 2)


class Separable(nn.Module):
    """1x1, then 3x3 for each channel, as in the detector."""

    def __init__(self, width, to):
        super().__init__()
        self.pointwise = nn.Conv2d(width, to, 1)
        self.depthwise = nn.Conv2d(to, to, 3, 1, 1, groups=to, bias=False)
        self.norm = nn.BatchNorm2d(to)

    def forward(self, x):
        return F.relu(self.norm(self.depthwise(self.pointwise(x))))


class Aligner(nn.Module):
    """From `[n, 3, 64, 64]` to cosine and sine of the roll, centre and logarithm of the side of the square in the view."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM)
        layers, width = [], STEM
        for to in LAYERS:
            if to == "pool":
                layers.append(nn.MaxPool2d(2))
            else:
                layers.append(Separable(width, to))
                width = to
        self.layers = nn.Sequential(*layers)
        side = INPUT // 2 ** (1 + LAYERS.count("pool"))
        self.hidden, self.head = nn.Linear(width * side * side, HIDDEN), nn.Linear(HIDDEN, 5)

    def forward(self, x):
        x = self.layers(F.relu(self.norm(self.stem(x))))
        # Channels last, as the program has them.
        x = x.permute(0, 2, 3, 1).flatten(1)
        return self.head(F.relu(self.hidden(x)))


def disc():
    """1 in the circle that fits the view. Its corners would show the border of the training photographs."""
    at = (torch.arange(INPUT) + 0.5) / INPUT * 2 - 1
    return (at[None] ** 2 + at[:, None] ** 2 < 1).float()


def normalised(x):
    """Mean 0 and deviation 1 within the circle, 0 outside, so that the light of the scene does not matter."""
    mask = disc()
    area = 3 * mask.sum()
    mean = (x * mask).sum((1, 2, 3), keepdim=True) / area
    x = (x - mean) * mask
    deviation = ((x * x).sum((1, 2, 3), keepdim=True) / area).sqrt()
    return (x / (deviation + 1 / 255)).to(memory_format=torch.channels_last)


def views(images, generator):
    """Random views of photographs (0 to 1), and where the square lies in each."""
    n = len(images)
    rand = lambda *shape: torch.rand(*shape, generator=generator)
    spread = lambda low, high: low + (high - low) * rand(n)
    flip = rand(n) < 0.5
    images = torch.where(flip[:, None, None, None], images.flip(3), images)
    roll = torch.where(rand(n) < 0.6, spread(-45, 45), spread(-180, 180)) * math.pi / 180
    side = SQUARE * VIEW * spread(-0.28, 0.28).exp()
    centre = SQUARE * torch.stack([spread(-0.12, 0.12), spread(-0.12, 0.12)], 1)
    # The view's axes in the photograph: a view turned to the left shows the face turned to the right.
    cos, sin = roll.cos(), -roll.sin()
    half = side / PHOTOGRAPH
    offset = centre / (PHOTOGRAPH / 2)
    theta = torch.stack([
        torch.stack([half * cos, -half * sin, offset[:, 0]], 1),
        torch.stack([half * sin, half * cos, offset[:, 1]], 1),
    ], 1)
    grid = F.affine_grid(theta, (n, 3, INPUT, INPUT), align_corners=False)
    x = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    across = -(cos * offset[:, 0] + sin * offset[:, 1]) / half
    down = -(-sin * offset[:, 0] + cos * offset[:, 1]) / half
    target = torch.stack([roll.cos(), roll.sin(), across, down, (SQUARE / side).log()], 1)
    return x, target, (roll, across, down, side)


def spoiled(x, where, generator):
    """Light, noise, blur and things before the face, as in photographs of all kinds."""
    roll, across, down, side = where
    n = len(x)
    rand = lambda *shape: torch.rand(*shape, generator=generator)
    at = (torch.arange(INPUT) + 0.5) / INPUT * 2 - 1
    # Coordinates of the face: its square is -1 to 1.
    u, v = at[None, None, :] - across[:, None, None], at[None, :, None] - down[:, None, None]
    cos, sin = roll.cos()[:, None, None], roll.sin()[:, None, None]
    scale = (side / SQUARE)[:, None, None]
    right, low = (cos * u + sin * v) * scale, (-sin * u + cos * v) * scale
    top = 0.02 + 0.2 * rand(n, 1, 1)
    mask = (rand(n, 1, 1) < 0.15) & (right.abs() < 0.4 + 0.3 * rand(n, 1, 1)) & (low > top) & (low < 0.85)
    glasses = (rand(n, 1, 1) < 0.1) & (right.abs() < 0.5) & (low > -0.35) & (low < -0.05)
    place, size = rand(n, 2, 1, 1) * 2 - 1, 0.1 + 0.5 * rand(n, 2, 1, 1)
    block = (rand(n, 1, 1) < 0.25) & ((u - place[:, 0]).abs() < size[:, 0]) & ((v - place[:, 1]).abs() < size[:, 1])
    for hidden in (mask, glasses, block):
        x = torch.where(hidden[:, None], rand(n, 3, 1, 1), x)
    grey = x.mean(1, keepdim=True)
    x = torch.where(rand(n, 1, 1, 1) < 0.25, grey, x + 0.15 * (rand(n, 3, 1, 1) - 0.5))
    small = F.interpolate(F.interpolate(x, size=28, mode="area"), size=INPUT, mode="bilinear")
    x = torch.where(rand(n, 1, 1, 1) < 0.2, small, x)
    x = x.clamp(0, 1) ** (rand(n, 1, 1, 1) * 1.6 - 0.8).exp()
    # Dark photographs have few levels.
    light = torch.where(rand(n, 1, 1, 1) < 0.15, 0.05 + 0.2 * rand(n, 1, 1, 1), torch.ones(n, 1, 1, 1))
    x = (x * light * 255).round() / 255 / light
    return x + 0.06 * rand(n, 1, 1, 1) ** 2 * torch.randn(x.shape, generator=generator)


def errors(model, images, generator, spread=None):
    """Mean errors on views: degrees, percent of the side across, down, larger; and the share turned wrongly."""
    x, target, _ = views(images.float() / 255, generator)
    with torch.no_grad():
        y = torch.cat([model(normalised(part)) for part in x.split(256)])
    degrees = (torch.atan2(y[:, 1], y[:, 0]) - torch.atan2(target[:, 1], target[:, 0])) * 180 / math.pi
    degrees = ((degrees + 180) % 360 - 180).abs()
    right = degrees < 30
    off = (y[:, 2:] - target[:, 2:]).abs().mean(0) * torch.tensor([VIEW / 2, VIEW / 2, 1.0]) * 100
    return f"roll {degrees[right].mean():.2f} degrees, wrong {100 * (~right).float().mean():.2f} %, off by " + " ".join(
        f"{value:.2f}" for value in off.tolist()
    ) + " %"


def folded(model):
    """The weights with every normalisation folded in, for arrays whose channels come last.

    `stem.weight` is [27, 16]: 3x3 rows, columns and RGB of the input; a pointwise one [in, out]; a depthwise one [9, out].
    """
    tensors = {}

    def norm(layer):
        scale = layer.weight / (layer.running_var + layer.eps).sqrt()
        return scale, layer.bias - layer.running_mean * scale

    scale, shift = norm(model.norm)
    tensors["stem.weight"] = (model.stem.weight * scale[:, None, None, None]).permute(2, 3, 1, 0).reshape(27, -1)
    tensors["stem.bias"] = shift
    separable = [layer for layer in model.layers if isinstance(layer, Separable)]
    for i, layer in enumerate(separable):
        scale, shift = norm(layer.norm)
        tensors[f"layers.{i}.pointwise.weight"] = layer.pointwise.weight[:, :, 0, 0].t()
        tensors[f"layers.{i}.pointwise.bias"] = layer.pointwise.bias
        tensors[f"layers.{i}.depthwise.weight"] = (layer.depthwise.weight[:, 0] * scale[:, None, None]).permute(1, 2, 0).reshape(9, -1)
        tensors[f"layers.{i}.depthwise.bias"] = shift
    for name in ("hidden", "head"):
        tensors[f"{name}.weight"] = getattr(model, name).weight.t()
        tensors[f"{name}.bias"] = getattr(model, name).bias
    return {name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--data", type=pathlib.Path, required=True)
    arguments.add_argument("--output", type=pathlib.Path, required=True)
    arguments.add_argument("--epochs", type=int, default=14)
    arguments.add_argument("--start", type=pathlib.Path, help="the .pt file of an earlier run, to go on from")
    arguments.add_argument("--batch", type=int, default=64)
    arguments.add_argument("--rate", type=float, default=2e-3)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--threads", type=int, default=1)
    args = arguments.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    generator = torch.Generator().manual_seed(args.seed)
    train, validation = photographs(args.data, "train"), photographs(args.data, "validation")
    print(f"{len(train)} photographs to learn from, {len(validation)} to check with", flush=True)
    model = Aligner().to(memory_format=torch.channels_last)
    if args.start:
        model.load_state_dict(torch.load(args.start, weights_only=True))
    print(sum(p.numel() for p in model.parameters()), "weights", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), args.rate, weight_decay=0.02)
    steps = args.epochs * (len(train) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.rate, total_steps=steps)
    weight = torch.tensor([1.0, 1.0, 3.0, 3.0, 3.0])
    start = time.time()
    for epoch in range(args.epochs):
        model.train()
        total = 0.0
        order = torch.randperm(len(train), generator=generator)[: len(train) // args.batch * args.batch]
        for part in order.split(args.batch):
            x, target, where = views(train[part].float() / 255, generator)
            y = model(normalised(spoiled(x, where, generator)))
            loss = (F.smooth_l1_loss(y, target, beta=0.1, reduction="none") * weight).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        model.eval()
        print(f"epoch {epoch + 1}: loss {total / (len(order) // args.batch):.4f}, "
              f"{errors(model, validation, torch.Generator().manual_seed(5))}, {time.time() - start:.0f} s", flush=True)
        save_file(folded(model), args.output, metadata={"version": "1", "input": str(INPUT), "view": str(VIEW)})
        torch.save(model.state_dict(), args.output.with_suffix(".pt"))


if __name__ == "__main__":
    main()
