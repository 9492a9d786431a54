"""What the scripts of both judges share: the photographs, their views, the training, and the file.

A judge shares as little as it can with the classifier that it judges: it has another framework (PyTorch), another
architecture, another loss (73 sigmoids instead of 42 softmaxes) and another seed. Like everything that is fitted here it sees
the training people only.

LFW is the public layout: a folder per person (`Aaron_Peirsol/Aaron_Peirsol_0001.jpg`, deep-funneled, 250x250 pixels) and
one `*_attributes.txt` beside it. Photographs are decoded once and held in memory.
"""

import argparse
import itertools
import json
import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import nn

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


@dataclass
class Recipe:
    """What one judge has of its own."""

    # The network without arguments: `embed(x)` and `head`.
    network: type
    # Pixels a side, a multiple of 4.
    input: int
    epochs: int
    seed: int
    # Of views [n, 3, input, input], 0 to 1: the same, made worse.
    degraded: Callable
    # Of a network: its tensors by name, as the file has them.
    tensors: Callable
    # Of the file's tensors and the network's input: the embedding, by other means than the network's own.
    embedding: Callable
    # The header's entries about version and architecture.
    version: int
    architecture: dict

    @property
    def view(self):
        """Pixels of a view before it is turned, scaled and shifted: the face with what lies around it."""
        return self.input * 5 // 4


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

    def __init__(self, data, recipe, count=None):
        """All photographs, or the first `count` of them."""
        views, faces, labels = [], [], {"train": [], "test": []}
        for path, split, label in itertools.islice(rows(data), count):
            if split == "validation":
                continue
            image = Image.open(path).convert("RGB")
            side = image.width
            crop = lambda share: image.crop([round(side * (1 - share) / 2)] * 2 + [round(side * (1 + share) / 2)] * 2)
            if split == "train":
                views.append(np.asarray(crop(0.8).resize((recipe.view, recipe.view), Image.BILINEAR)))
            else:
                faces.append(np.asarray(crop(0.64).resize((recipe.input, recipe.input), Image.BILINEAR)))
            labels[split].append(label)
        pixels = lambda images: torch.tensor(np.stack(images)).permute(0, 3, 1, 2)
        self.views, self.faces = pixels(views), pixels(faces)
        self.train, self.test = (torch.tensor(labels[split], dtype=torch.float32) for split in ("train", "test"))


class Judge(nn.Module):
    """`embed`, which a judge has of its own, and one linear layer, `head`."""

    def forward(self, x):
        return self.head(F.dropout(self.embed(x), 0.2, self.training))


def network_input(pixels):
    """From pixels of 0 to 1."""
    return ((pixels - MEAN) / DEVIATION).to(memory_format=torch.channels_last)


def augmented(views, side):
    """Views of 0 to 1 turned, scaled, shifted, mirrored, recoloured and partly covered at random, `side` pixels a side."""
    n, cover = len(views), side // 4
    random = lambda low, high: torch.rand(n) * (high - low) + low
    angle, scale = random(-0.15, 0.15), random(0.9, 1.12) * side / views.shape[-1]
    mirror = (torch.rand(n) < 0.5).float() * 2 - 1
    turn = torch.zeros(n, 2, 3)
    turn[:, 0, 0], turn[:, 0, 1] = scale * angle.cos() * mirror, -scale * angle.sin()
    turn[:, 1, 0], turn[:, 1, 1] = scale * angle.sin() * mirror, scale * angle.cos()
    turn[:, 0, 2], turn[:, 1, 2] = random(-0.08, 0.08), random(-0.08, 0.08)
    grid = F.affine_grid(turn, (n, 3, side, side), align_corners=False)
    x = F.grid_sample(views, grid, padding_mode="border", align_corners=False)
    each = lambda values: values.view(n, 1, 1, 1)
    grey = (x * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    x = grey + each(random(0.6, 1.3)) * (x - grey)
    x = 0.5 + each(random(0.75, 1.25)) * (x - 0.5) + each(random(-0.12, 0.12))
    for k in range(n):
        if torch.rand(1) < 0.5:
            top, left = torch.randint(0, side - cover, (2,))
            x[k, :, top : top + cover, left : left + cover] = 0.5
    return x.clamp(0, 1)


def train(photographs, recipe, epochs, seed, batch=64):
    """The average of the weights on the way, which judges better than the last ones."""
    torch.manual_seed(seed)
    order = np.random.default_rng(seed)
    net, mean = recipe.network().to(memory_format=torch.channels_last), recipe.network()
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
            views = augmented(photographs.views[some].float() / 255, recipe.input)
            x, y = network_input(recipe.degraded(views)), photographs.train[some]
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


class Tensors(dict):
    """Weights by name in half precision, batch normalisation folded into the convolutions before it."""

    def put(self, name, weight, bias=None):
        self[name + ".weight"] = weight.detach().half().contiguous()
        if bias is not None:
            self[name + ".bias"] = bias.detach().half().contiguous()

    def folded(self, name, convolution, norm):
        scale = norm.weight / (norm.running_var + norm.eps).sqrt()
        self.put(name, convolution.weight * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale)


class Weights:
    """The weights of a file, in full precision."""

    def __init__(self, file):
        self.file = file

    def of(self, name):
        """Weight and bias of a layer; some have no bias."""
        get = lambda part: self.file[part].float() if part in self.file else None
        return get(name + ".weight"), get(name + ".bias")


def golden(recipe, file):
    """Embedding and logits of 0.5 + 0.5 sin(0.37 i), by the weights as they are in the file."""
    side, weights = recipe.input, Weights(file)
    pixels = 0.5 + 0.5 * torch.sin(torch.arange(3 * side * side, dtype=torch.float32) * 0.37)
    embedding = recipe.embedding(weights, (pixels.view(1, 3, side, side) - MEAN) / DEVIATION)
    logits = F.linear(embedding, *weights.of("head"))
    short = lambda values: [float(f"{value:.6g}") for value in values[0].tolist()]
    return {"embedding": short(embedding), "logits": short(logits)}


def description(recipe, auc):
    """The header's entry `deepface-judge`."""
    return {
        "version": recipe.version, "input": recipe.input, "mean": MEAN, "deviation": DEVIATION, **recipe.architecture,
        "attributes": ATTRIBUTES, "test_auc": [None if np.isnan(a) else float(a) for a in auc], "license": LICENSE,
    }


def main(recipe, about):
    """The command line of a judge's script: trains it, writes its file and its golden vectors."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of photographs in the LFW layout")
    parser.add_argument("--photographs", type=int, help="use only the first so many, to try it out")
    parser.add_argument("--epochs", type=int, default=recipe.epochs)
    parser.add_argument("--seed", type=int, default=recipe.seed)
    parser.add_argument("--threads", type=int, help="the order of sums depends on it, and so do the last digits")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="the safetensors file")
    parser.add_argument("--golden", type=pathlib.Path, help="JSON file of what the judge computes for a known picture")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    photographs = Photographs(args.data, recipe, args.photographs)
    print(f"{len(photographs.views)} photographs to learn from, {len(photographs.faces)} to report on", flush=True)
    net, auc = train(photographs, recipe, args.epochs, args.seed)
    net.eval()
    file = recipe.tensors(net)
    save_file(file, args.output, metadata={"deepface-judge": json.dumps(description(recipe, auc))})
    if args.golden:
        args.golden.write_text(json.dumps(golden(recipe, file), separators=(",", ":")) + "\n")
