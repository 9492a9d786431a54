"""Makes vgg.json: what PyTorch computes at every stage of a small VGG-16, and the image gradient from every stage.

    pip install torch numpy && python vgg.py

Weights, image and cotangents come from `noise`, which numerics.rs repeats, so the file holds results only: of each
array its norm and every so many-th value.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F

WIDTHS, DEPTHS, INPUT, FEATURES, LOGITS, N = [16, 16, 16, 32, 32], [2, 2, 3, 3, 3], 48, 32, 115, 2


def noise(seed, n):
    """n values, uniform in -1 to 1: splitmix64 of the index."""
    with np.errstate(over="ignore"):
        z = np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def tensor(seed, shape, scale=1.0):
    return torch.from_numpy(noise(seed, int(np.prod(shape))).reshape(shape) * np.float32(scale))


def summary(t):
    a = t.detach().double().flatten().numpy()
    return {"norm": float(np.linalg.norm(a)), "values": [float(x) for x in a[:: max(1, len(a) // 48)]]}


image = (tensor(999, (N, 3, INPUT, INPUT)) * 0.5 + 0.5).requires_grad_()
x = (image * 255 - 120.0) * np.float32(1 / 64)
stages, seed, channels = [], 0, 3


def weights(out, fan_in, shape):
    global seed
    seed += 2
    return tensor(seed, shape, np.sqrt(6 / fan_in)), tensor(seed + 1, (out,), 0.1)


for block, (width, depth) in enumerate(zip(WIDTHS, DEPTHS), 1):
    for i in range(1, depth + 1):
        w, b = weights(width, channels * 9, (width, channels, 3, 3))
        x = F.relu(F.conv2d(x, w, b, padding=1))
        stages.append((f"conv{block}_{i}", x))
        channels = width
    x = F.max_pool2d(x, 2)
    stages.append((f"pool{block}", x))
x = x.flatten(1)
for name, out in [("fc6", FEATURES), ("fc7", FEATURES), ("heads", LOGITS)]:
    w, b = weights(out, x.shape[1], (out, x.shape[1]))
    x = F.linear(x, w, b)
    x = x if name == "heads" else F.relu(x)
    stages.append((name, x))

result = {}
for i, (name, activation) in enumerate(stages):
    cotangent = tensor(5000 + i, activation.shape)
    (gradient,) = torch.autograd.grad(activation, image, cotangent, retain_graph=True)
    result[name] = {"activation": summary(activation), "gradient": summary(gradient)}
json.dump(result, open("vgg.json", "w"), indent=None)
