"""The PyTorch side of `cargo bench -p deepface-network --bench pytorch`.

Reads lines "NAME REPEATS" and answers each with the median seconds of one run. Eager PyTorch with oneDNN; of the two
memory formats whichever is faster, tried at the start.
"""

import sys
import time

import torch
from torch import nn

WIDTHS = {"vgg-face": (64, 128, 256, 512, 512), "vgg-face-mini": (16, 32, 64, 128, 192)}
DEPTHS = (2, 2, 3, 3, 3)


def convolutions(widths, norm, last=None):
    layers, channels = [], 3
    for block, (width, depth) in enumerate(zip(widths, DEPTHS), 1):
        for i in range(1, depth + 1):
            layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=not norm))
            if norm:
                layers.append(nn.BatchNorm2d(width))
            layers.append(nn.ReLU(inplace=True))
            channels = width
            if last == f"conv{block}_{i}":
                return layers
        layers.append(nn.MaxPool2d(2))
    return layers


def whole(widths, side, features, norm):
    flat = widths[-1] * (side // 32) ** 2
    layers = convolutions(widths, norm) + [nn.Flatten()]
    for width in (features, features):
        layers.append(nn.Linear(flat, width))
        if norm:
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.ReLU(inplace=True))
        if norm:
            layers.append(nn.Dropout(0.25))
        flat = width
    return nn.Sequential(*layers, nn.Linear(flat, 115))


def forward(net, x):
    def run():
        with torch.no_grad():
            net(x)

    return run


def gradient(net, x):
    for p in net.parameters():
        p.requires_grad_(False)

    def run():
        image = x.detach().requires_grad_(True)
        ((net(image) - 0.5) ** 2).sum().backward()

    return run


def training(net, x):
    net.train()

    def run():
        for p in net.parameters():
            p.grad = None
        (net(x) ** 2).mean().backward()

    return run


def case(name):
    arch, side, layer, what, batch = name.split("/")
    side, batch = int(side), int(batch)
    norm = what == "train"
    if layer == "heads":
        net = whole(WIDTHS[arch], side, 4096 if arch == "vgg-face" else 512, norm)
    else:
        net = nn.Sequential(*convolutions(WIDTHS[arch], norm, layer))
    net.eval()
    x = torch.rand(batch, 3, side, side)
    make = {"forward": forward, "gradient": gradient, "train": training}[what]
    runs = []
    for memory in (torch.contiguous_format, torch.channels_last):
        run = make(net.to(memory_format=memory), x.to(memory_format=memory))
        run()
        runs.append((median(run, 3), memory, run))
    _, memory, run = min(runs, key=lambda r: r[0])
    net.to(memory_format=memory)
    return run


def median(run, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def main():
    torch.manual_seed(0)
    torch.set_num_threads(int(sys.argv[1]))
    cases = {}
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads", flush=True)
    for line in sys.stdin:
        name, repeats = line.split()
        if name not in cases:
            cases.clear()
            cases[name] = case(name)
        print(median(cases[name], int(repeats)), flush=True)


main()
