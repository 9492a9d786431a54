"""Classify, look into a layer, and follow a gradient, with the client of Triton and KServe.

pip install 'tritonclient[grpc]'
deepface serve &
python client/examples/python/open_inference.py [HOST:PORT]
"""

import struct
import sys
import zlib

import numpy as np
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException

client = grpcclient.InferenceServerClient(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051")
assert client.is_server_ready() and client.is_model_ready("vgg") and client.is_model_ready("vgg.grad")
metadata = client.get_model_metadata("vgg.grad")
side = metadata.inputs[0].shape[-1]
print(f"vgg.grad {metadata.versions[0][:12]}: images of {side} x {side} pixels")


def tensor(name: str, array: np.ndarray, datatype: str = "FP32") -> grpcclient.InferInput:
    tensor = grpcclient.InferInput(name, list(array.shape), datatype)
    tensor.set_data_from_numpy(array)
    return tensor


# Two grey faces with some noise, RGB, 0 to 1.
images = np.clip(np.random.default_rng(1).normal(0.5, 0.1, (2, 3, side, side)), 0, 1).astype(np.float32)

# Any layer is an output, beside the probabilities.
wanted = [grpcclient.InferRequestedOutput(name) for name in ("probabilities", "attributes", "conv4_3")]
reply = client.infer("vgg", [tensor("image", images)], outputs=wanted)
probabilities, names = reply.as_numpy("probabilities"), reply.as_numpy("attributes")
target = reply.as_numpy("conv4_3")[:1]
print("the likeliest attributes of the first:")
for i in np.argsort(-probabilities[0])[:3]:
    print(f"  {names[i].decode():24} {probabilities[0, i]:.3f}")


def png(image: np.ndarray) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    _, height, width = image.shape
    rows = np.rint(255 * image).astype(np.uint8).transpose(1, 2, 0).reshape(height, -1)
    pixels = np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


# Files are bytes. FRAMING_FACE: the face fills them, as it does in tensors; FRAMING_DETECT finds it in a photograph.
files = np.array([png(image) for image in images], dtype=np.object_)
reply = client.infer("vgg", [tensor("image", files, "BYTES")], parameters={"framing": "FRAMING_FACE"})
same = np.abs(reply.as_numpy("probabilities") - probabilities).max()
print(f"as files, they have the same probabilities but for {same:.4f}")
assert same < 0.01

# Feature inversion: the second image is moved until its activation is that of the first.
layer = tensor("layer", np.array(["conv4_3"], dtype=np.object_), "BYTES")
x = images[1:].copy()
losses = []
for _ in range(20):
    reply = client.infer("vgg.grad", [tensor("image", x), layer, tensor("target", target)])
    losses.append(float(reply.as_numpy("loss")[0]))
    gradient = reply.as_numpy("gradient")
    x = np.clip(x - 0.01 * gradient / np.abs(gradient).mean(), 0, 1)
print(f"the distance of the activations fell from {losses[0]:.4f} to {losses[-1]:.4f}")
assert losses[-1] < losses[0]

# The gradient is right: along it, the loss rises by its norm.
reply = client.infer("vgg.grad", [tensor("image", x), layer, tensor("target", target)])
gradient = reply.as_numpy("gradient")
norm = float(np.linalg.norm(gradient))


def loss(image: np.ndarray) -> float:
    reply = client.infer("vgg.grad", [tensor("image", image), layer, tensor("target", target)])
    return float(reply.as_numpy("loss")[0])


step = np.float32(0.01) * gradient / np.float32(norm)
slope = (loss(x + step) - loss(x - step)) / 0.02
print(f"slope {slope:.5f} by differences, {norm:.5f} by the gradient")
assert abs(slope - norm) < 0.02 * norm

# A loss of your own: send its gradient with respect to the activation. Here it is the same loss, |phi - T|^2 / |T|^2.
phi = client.infer("vgg", [tensor("image", x)], outputs=wanted[2:]).as_numpy("conv4_3")
cotangent = 2 * (phi - target) / np.square(target).sum()
reply = client.infer("vgg.grad", [tensor("image", x), layer, tensor("cotangent", cotangent)])
error = np.linalg.norm(reply.as_numpy("gradient") - gradient) / norm
print(f"a cotangent of the same loss gives the same gradient but for {100 * error:.3f} %")
assert error < 0.001

# Errors name the input.
try:
    client.infer("vgg", [tensor("image", images[:, :2].copy())])
except InferenceServerException as error:
    print(f"{error.status()}: {error.message()}")
else:
    raise SystemExit("an image of two channels was accepted")
