"""Makes face.png by a gradient descent of its own: descent.py [CLASSIFIER] [GENERATOR]. README.md has the commands.

The generator gives the activation that the attributes would cause. The classifier gives the gradient of the distance to
it with respect to the image. Here are the rest: Adam, on pixels, with a penalty on differences of neighbours.
"""

import queue
import struct
import sys
import zlib
from pathlib import Path

import grpc
import numpy as np
from deepface.v1 import classifier_pb2, classifier_pb2_grpc, generator_pb2, generator_pb2_grpc, image_pb2, tensor_pb2

STEPS, RATE, SMOOTHNESS = 150, 0.02, 0.003
# A deadline holds for a whole stream.
SECONDS = 120


def main() -> None:
    defaults = ["127.0.0.1:50051", "127.0.0.1:50052"]
    classifier_target, generator_target = sys.argv[1:] or defaults
    with grpc.insecure_channel(generator_target) as channel:
        generator = generator_pb2_grpc.GeneratorServiceStub(channel)
        request = generator_pb2.GetTargetRequest(
            attributes=[
                generator_pb2.RequestedAttribute(name="Male"),
                generator_pb2.RequestedAttribute(name="Smiling"),
                generator_pb2.RequestedAttribute(name="Eyeglasses", absent=True),
            ],
            seed=7,
        )
        target = generator.GetTarget(request, timeout=SECONDS)

    with grpc.insecure_channel(classifier_target) as channel:
        classifier = classifier_pb2_grpc.ClassifierServiceStub(channel)
        side = classifier.GetModel(classifier_pb2.GetModelRequest(), timeout=SECONDS).model.input_size
        face = descended(classifier, target, side)
        image = image_pb2.Image(tensor=tensor(face), framing=image_pb2.FRAMING_FACE)
        reply = classifier.Classify(classifier_pb2.ClassifyRequest(images=[image]), timeout=SECONDS)
        for group in reply.results[0].groups:
            for attribute in group.attributes:
                if attribute.present:
                    print(f"{attribute.probability:6.1%}  {attribute.name}")
    Path("face.png").write_bytes(png(face))


def descended(classifier, target, side: int) -> np.ndarray:
    """Returns an image whose activation is near the target."""
    distance = classifier_pb2.SquaredDistance(layer=target.layer, target=target.target, normalized=True)
    setup = classifier_pb2.DifferentiateSetup(objectives=[classifier_pb2.Objective(squared_distance=distance)])
    # gRPC reads requests from an iterator in a thread of its own: this one yields what is put into the queue.
    requests = queue.SimpleQueue()
    requests.put(classifier_pb2.DifferentiateRequest(setup=setup))
    replies = classifier.Differentiate(iter(requests.get, None), timeout=SECONDS)

    x = np.full((3, side, side), 0.5)
    mean, square = np.zeros_like(x), np.zeros_like(x)
    for step in range(1, STEPS + 1):
        message = classifier_pb2.DifferentiateStep(id=step, image=tensor(x))
        requests.put(classifier_pb2.DifferentiateRequest(step=message))
        reply = next(replies)
        gradient = np.frombuffer(reply.gradient.data, "<f4").reshape(x.shape) + SMOOTHNESS * roughness(x)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        x -= RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        x = x.clip(0, 1)
        if step % 50 == 0:
            print(f"step {step}, loss {reply.losses[0].total:.4f}")
    requests.put(None)
    return x


def roughness(x: np.ndarray) -> np.ndarray:
    """Returns the gradient of half the squared differences of neighbouring pixels: minus the Laplacian."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return 4 * x - padded[:, :-2, 1:-1] - padded[:, 2:, 1:-1] - padded[:, 1:-1, :-2] - padded[:, 1:-1, 2:]


def tensor(values: np.ndarray) -> tensor_pb2.Tensor:
    """Returns an array as it travels."""
    data = values.astype("<f4").tobytes()
    return tensor_pb2.Tensor(data_type=tensor_pb2.DATA_TYPE_F32, shape=values.shape, data=data)


def png(x: np.ndarray) -> bytes:
    """Returns an image as a PNG of 8 bits per channel."""
    _, height, width = x.shape
    rows = (255 * x + 0.5).astype(np.uint8).transpose(1, 2, 0).reshape(height, -1)
    pixels = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())  # Each row starts with its filter, 0.
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )


main()
