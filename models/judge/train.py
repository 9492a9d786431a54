#!/usr/bin/env python3
"""Trains the judge of `deepface evaluate` and writes models/judge.safetensors.

The judge looks at faces that were made by inverting the classifier, so it shares as little with it as it can: it is
trained by another framework (PyTorch), has another architecture (residual blocks), another loss (73 sigmoids instead of 42
softmaxes) and another seed. Like everything that is fitted here it sees the training people only.

    python3 -m venv venv && venv/bin/pip install torch numpy pillow safetensors
    venv/bin/python models/judge/train.py --data LFW --epochs 16 --output models/judge.safetensors \\
        --golden client/evaluate/tests/golden/judge.json

LFW is the public layout: a folder per person (`Aaron_Peirsol/Aaron_Peirsol_0001.jpg`, deep-funneled, 250x250 pixels) and
one `*_attributes.txt` beside it. About five minutes on 2 cores; photographs are decoded once and held in memory (about
0.7 GB). The golden vectors are what `cargo test -p deepface-evaluate` compares its own arithmetic with.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import nn

VERSION = 1
INPUT = 64
# Pixels of a view before it is turned, scaled and shifted: the face with what lies around it.
VIEW = 80
WIDTHS = [32, 64, 128, 160]
MEAN, DEVIATION = 0.45, 0.25
LICENSE = "Research only: trained on Labeled Faces in the Wild with machine-made attribute labels"
# The order of `deepface_attributes::GROUPS`.
ATTRIBUTES = [
    "Male", "Asian", "White", "Black", "Indian", "Baby", "Child", "Youth", "Middle Aged", "Senior", "Black Hair",
    "Blond Hair", "Brown Hair", "Gray Hair", "Bald", "Bangs", "No Eyewear", "Eyeglasses", "Sunglasses", "Smiling",
    "Frowning", "Harsh Lighting", "Soft Lighting", "Curly Hair", "Wavy Hair", "Straight Hair",
    "Fully Visible Forehead", "Partially Visible Forehead", "Obstructed Forehead", "Bushy Eyebrows",
    "Arched Eyebrows", "Mouth Closed", "Mouth Slightly Open", "Mouth Wide Open", "No Beard", "Mustache", "Goatee",
    "Oval Face", "Square Face", "Round Face", "Outdoor", "Flash", "Wearing Necktie", "Wearing Necklace", "Big Nose",
    "Pointy Nose", "Pale Skin", "Flushed Face", "Attractive Man", "Attractive Woman", "Chubby", "Blurry",
    "Receding Hairline", "Sideburns", "Narrow Eyes", "Eyes Open", "Big Lips", "Teeth Not Visible", "Round Jaw",
    "Double Chin", "Wearing Hat", "Color Photo", "Posed Photo", "Bags Under Eyes", "Heavy Makeup", "Rosy Cheeks",
    "Shiny Skin", "5 o' Clock Shadow", "Strong Nose-Mouth Lines", "Wearing Lipstick", "High Cheekbones",
    "Brown Eyes", "Wearing Earrings",
]


def fnv(text):
    """64-bit FNV-1a, as `deepface_dataset::split_of` has it."""
    hash = 0xCBF29CE484222325
    for byte in text.encode():
        hash = ((hash ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return hash


def split_of(person):
    """The part of the data that a person belongs to, with all their photographs."""
    share = fnv(person) % 100
    return "test" if share < 12 else "validation" if share < 20 else "train"


def rows(data):
    """(photograph, split, labels) of every photograph that is there; a score above 0 is a positive label."""
    (file,) = data.glob("*_attributes.txt")
    roots = [data, *sorted(path for path in data.iterdir() if path.is_dir())]
    columns = None
    for line in file.read_text().splitlines():
        fields = line.split("\t")
        if fields[0].startswith("#"):
            if len(fields) > 3 and fields[1] == "person":
                names = [name.lower() for name in fields[3:]]
                columns = [names.index(name.lower()) + 2 for name in ATTRIBUTES]
            continue
        person = fields[0].replace(" ", "_")
        name = pathlib.Path(person) / f"{person}_{int(fields[1]):04}.jpg"
        root = next((root for root in roots if (root / name).exists()), None)
        if root:
            # Nearly always all lie under one root, so the last that worked is tried first.
            roots.remove(root)
            roots.insert(0, root)
            yield root / name, split_of(person), [float(fields[column]) > 0 for column in columns]


class Photographs:
    """The training views, the test faces, and their labels."""

    def __init__(self, data):
        views, faces, labels = [], [], {"train": [], "test": []}
        for path, split, label in rows(data):
            if split == "validation":
                continue
            image = Image.open(path).convert("RGB")
            side = image.width
            crop = lambda share: image.crop([round(side * (1 - share) / 2)] * 2 + [round(side * (1 + share) / 2)] * 2)
            if split == "train":
                views.append(np.asarray(crop(0.8).resize((VIEW, VIEW), Image.BILINEAR)))
            else:
                faces.append(np.asarray(crop(0.64).resize((INPUT, INPUT), Image.BILINEAR)))
            labels[split].append(label)
        pixels = lambda images: torch.tensor(np.stack(images)).permute(0, 3, 1, 2)
        self.views, self.faces = pixels(views), pixels(faces)
        self.train, self.test = (torch.tensor(labels[split], dtype=torch.float32) for split in ("train", "test"))


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


class Judge(nn.Module):
    """A stem, two blocks of each width, the mean over the image, one linear layer."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, WIDTHS[0], 5, 2, 2, bias=False), nn.BatchNorm2d(WIDTHS[0])
        blocks, width = [], WIDTHS[0]
        for stage, to in enumerate(WIDTHS):
            for depth in range(2):
                blocks.append(Block(width, to, 2 if stage > 0 and depth == 0 else 1))
                width = to
        self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(width, len(ATTRIBUTES))

    def embed(self, x):
        return self.blocks(F.relu(self.norm(self.stem(x)))).mean((2, 3))

    def forward(self, x):
        return self.head(F.dropout(self.embed(x), 0.2, self.training))


def network_input(pixels):
    """From pixels of 0 to 1."""
    return ((pixels - MEAN) / DEVIATION).to(memory_format=torch.channels_last)


def augmented(views):
    """Views of 0 to 1 turned, scaled, shifted, mirrored, recoloured and partly covered at random, INPUT pixels a side."""
    n = len(views)
    random = lambda low, high: torch.rand(n) * (high - low) + low
    angle, scale = random(-0.15, 0.15), random(0.9, 1.12) * INPUT / VIEW
    mirror = (torch.rand(n) < 0.5).float() * 2 - 1
    turn = torch.zeros(n, 2, 3)
    turn[:, 0, 0], turn[:, 0, 1] = scale * angle.cos() * mirror, -scale * angle.sin()
    turn[:, 1, 0], turn[:, 1, 1] = scale * angle.sin() * mirror, scale * angle.cos()
    turn[:, 0, 2], turn[:, 1, 2] = random(-0.08, 0.08), random(-0.08, 0.08)
    grid = F.affine_grid(turn, (n, 3, INPUT, INPUT), align_corners=False)
    x = F.grid_sample(views, grid, padding_mode="border", align_corners=False)
    each = lambda values: values.view(n, 1, 1, 1)
    grey = (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    x = grey + each(random(0.6, 1.3)) * (x - grey)
    x = 0.5 + each(random(0.75, 1.25)) * (x - 0.5) + each(random(-0.12, 0.12))
    for k in range(n):
        if torch.rand(1) < 0.5:
            top, left = torch.randint(0, INPUT - 16, (2,))
            x[k, :, top : top + 16, left : left + 16] = 0.5
    return x.clamp(0, 1)


def train(photographs, epochs, seed, batch=64):
    """The average of the weights on the way, which judges better than the last ones."""
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    net, mean = Judge().to(memory_format=torch.channels_last), Judge()
    mean.load_state_dict(net.state_dict())
    optimizer = torch.optim.AdamW(net.parameters(), 3e-3, weight_decay=0.05, betas=(0.9, 0.99))
    steps = len(photographs.views) // batch
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, steps * epochs, pct_start=0.2)
    step = 0
    for epoch in range(epochs):
        net.train()
        begun, total = time.time(), 0.0
        shuffled = order.permutation(len(photographs.views))
        for some in shuffled[: steps * batch].reshape(steps, batch):
            x, y = network_input(augmented(photographs.views[some].float() / 255)), photographs.train[some]
            share, other = order.beta(0.2, 0.2), torch.randperm(batch)  # mixup
            x, y = share * x + (1 - share) * x[other], share * y + (1 - share) * y[other]
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(x)
            loss = F.binary_cross_entropy_with_logits(logits.float(), y * 0.95 + 0.025)  # label smoothing
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            step, total = step + 1, total + loss.item()
            average(mean, net, min(0.998, step / (step + 10)))
        auc, accuracy = quality(mean, photographs)
        took = time.time() - begun
        print(f"epoch {epoch + 1}: loss {total / steps:.4f}, mean AUC {np.nanmean(auc):.4f}, "
              f"accuracy {accuracy:.4f}, {took:.0f} s", flush=True)
    return mean, auc


@torch.no_grad()
def average(mean, net, keep):
    for a, b in zip(mean.state_dict().values(), net.state_dict().values()):
        a.lerp_(b, 1 - keep) if a.dtype.is_floating_point else a.copy_(b)


@torch.no_grad()
def quality(net, photographs):
    """AUC of each attribute, and the share of right decisions at 0.5, on the test people."""
    net.eval()
    logits = [net(network_input(faces.float() / 255)) for faces in photographs.faces.split(256)]
    scores, labels = torch.cat(logits).numpy(), photographs.test.numpy() > 0.5
    auc = [area(scores[:, a], labels[:, a]) for a in range(len(ATTRIBUTES))]
    return auc, ((scores > 0) == labels).mean()


def area(scores, labels):
    """Area under the ROC curve; scores of a network hardly ever tie."""
    ranks = np.empty(len(scores))
    ranks[scores.argsort()] = np.arange(1, len(scores) + 1)
    ups, downs = labels.sum(), (~labels).sum()
    return (ranks[labels].sum() - ups * (ups + 1) / 2) / (ups * downs) if ups and downs else np.nan


def tensors(net):
    """The weights in half precision, batch normalisation folded into the convolutions before it."""
    file = {}

    def put(name, weight, bias=None):
        file[name + ".weight"] = weight.detach().half().contiguous()
        if bias is not None:
            file[name + ".bias"] = bias.detach().half().contiguous()

    def folded(name, convolution, norm):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        put(name, convolution.weight * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale)

    folded("stem", net.stem, net.norm)
    for i, block in enumerate(net.blocks):
        folded(f"blocks.{i}.conv1", block.conv1, block.norm1)
        folded(f"blocks.{i}.conv2", block.conv2, block.norm2)
        if block.shortcut is not None:
            put(f"blocks.{i}.shortcut", block.shortcut.weight)
    put("head", net.head.weight, net.head.bias)
    return file


def golden(net, file):
    """Embedding and logits of 0.5 + 0.5 sin(0.37 i), by the weights as they are in the file."""
    get = lambda name: file[name].float() if name in file else None
    pixels = 0.5 + 0.5 * torch.sin(torch.arange(3 * INPUT * INPUT, dtype=torch.float32) * 0.37)
    x = (pixels.view(1, 3, INPUT, INPUT) - MEAN) / DEVIATION
    x = F.relu(F.conv2d(x, get("stem.weight"), get("stem.bias"), 2, 2))
    for i, block in enumerate(net.blocks):
        convolution = lambda part, *how: (get(f"blocks.{i}.{part}.weight"), get(f"blocks.{i}.{part}.bias"), *how)
        y = F.conv2d(F.relu(F.conv2d(x, *convolution("conv1", block.stride, 1))), *convolution("conv2", 1, 1))
        x = F.avg_pool2d(x, block.stride) if block.stride > 1 else x
        x = F.relu(y + (x if block.shortcut is None else F.conv2d(x, *convolution("shortcut"))))
    embedding = x.mean((2, 3))
    logits = F.linear(embedding, get("head.weight"), get("head.bias"))
    short = lambda values: [float(f"{value:.6g}") for value in values[0].tolist()]
    return {"embedding": short(embedding), "logits": short(logits)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of photographs in the LFW layout")
    parser.add_argument("--epochs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the safetensors file")
    parser.add_argument("--golden", type=pathlib.Path, help="JSON file of what the judge computes for a known picture")
    args = parser.parse_args()
    photographs = Photographs(args.data)
    print(f"{len(photographs.views)} photographs to learn from, {len(photographs.faces)} to report on", flush=True)
    net, auc = train(photographs, args.epochs, args.seed)
    net.eval()
    file = tensors(net)
    description = {
        "version": VERSION, "input": INPUT, "mean": MEAN, "deviation": DEVIATION, "widths": WIDTHS,
        "attributes": ATTRIBUTES, "test_auc": [None if np.isnan(a) else float(a) for a in auc], "license": LICENSE,
    }
    save_file(file, args.output, metadata={"deepface-judge": json.dumps(description)})
    if args.golden:
        args.golden.write_text(json.dumps(golden(net, file), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
