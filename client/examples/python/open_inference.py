"""Classify, look into a layer, and follow a gradient, with the client of Triton and KServe.

pip install 'tritonclient[grpc]'
deepface serve &
python client/examples/python/open_inference.py [HOST:PORT]
"""

import sys

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

# Errors name the input.
try:
    client.infer("vgg", [tensor("image", images[:, :2].copy())])
except InferenceServerException as error:
    print(f"{error.status()}: {error.message()}")
else:
    raise SystemExit("an image of two channels was accepted")
