"""Images and tensors, between numpy and the wire."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deepface_client import v1

# A file's name, the bytes of an encoded image, an RGB array, or a message. Arrays are [height, width, 3] or [3, height,
# width]; uint8 of 0 to 255, or floats of 0 to 1.
ImageLike: TypeAlias = str | os.PathLike[str] | bytes | NDArray[Any] | v1.Image


class Framing(IntEnum):
    """Where the face is in an image."""

    ALIGNED = v1.FRAMING_ALIGNED
    """An aligned photograph: the face is the central 64 % of each side. The default for files."""
    FACE = v1.FRAMING_FACE
    """The whole image is the face, as in generated images. The default for arrays."""
    DETECT = v1.FRAMING_DETECT
    """Any photograph: the service finds the faces."""


def messages(images: ImageLike | Sequence[ImageLike], framing: Framing | None) -> list[v1.Image]:
    """Returns one message per image."""
    if isinstance(images, Sequence) and not isinstance(images, str | bytes):
        return [message(image, framing) for image in images]
    return [message(images, framing)]


def message(image: ImageLike, framing: Framing | None) -> v1.Image:
    """Returns an image as it travels."""
    if isinstance(image, v1.Image):
        return image
    if isinstance(image, np.ndarray):
        made = v1.Image(tensor=_pixels(image))
    elif isinstance(image, bytes):
        made = v1.Image(encoded=image)
    else:
        made = v1.Image(encoded=Path(image).read_bytes())
    if framing is not None:
        made.framing = v1.Framing.ValueType(framing)
    return made


def _pixels(image: NDArray[Any]) -> v1.Tensor:
    first, last = (image.ndim == 3 and image.shape[axis] == 3 for axis in (0, 2))
    if first == last:
        raise ValueError(f"expected an RGB array of [height, width, 3] or [3, height, width], got {list(image.shape)}")
    channels_first = image if first else image.transpose(2, 0, 1)
    if image.dtype.kind == "f":
        return tensor(channels_first)
    if image.dtype != np.uint8:
        raise ValueError(f"expected an RGB array of uint8 or of floats, got {image.dtype}")
    return v1.Tensor(
        data_type=v1.DATA_TYPE_U8, shape=channels_first.shape, data=np.ascontiguousarray(channels_first).tobytes()
    )


def tensor(values: ArrayLike) -> v1.Tensor:
    """Returns floats as they travel: F32, little-endian, row-major."""
    array = np.ascontiguousarray(values, dtype="<f4")
    return v1.Tensor(data_type=v1.DATA_TYPE_F32, shape=array.shape, data=array.tobytes())


def array(message: v1.Tensor) -> NDArray[np.float32]:
    """Returns the values of a floating tensor."""
    kind = message.data_type
    if kind == v1.DATA_TYPE_BF16:
        # numpy has no bfloat16: it is the upper half of a binary32.
        values = (np.frombuffer(message.data, "<u2").astype(np.uint32) << 16).view(np.float32)
    else:
        values = np.frombuffer(message.data, {v1.DATA_TYPE_F16: "<f2", v1.DATA_TYPE_U8: "u1"}.get(kind, "<f4"))
    return values.astype(np.float32).reshape(tuple(message.shape))
