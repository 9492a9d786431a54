"""Client of DeepFace's two gRPC services.

`Generator` makes faces from attributes. `Classifier` gives the attributes of faces, activations of any layer, the
similarity of two faces, and gradients with respect to the image. `v1` has every message of the contract.
"""

from deepface_client import v1
from deepface_client._attributes import Score
from deepface_client._classifier import Activations, Classification, Classifier, Comparison, Embeddings
from deepface_client._differentiate import (
    Differentiation,
    Evaluation,
    likelihood,
    probability,
    product,
    squared_distance,
)
from deepface_client._errors import DeepFaceError, Violation
from deepface_client._generator import Event, Face, FaceStream, Generator, Iterate, Started
from deepface_client._images import Framing, ImageLike

__all__ = [
    "Activations",
    "Classification",
    "Classifier",
    "Comparison",
    "DeepFaceError",
    "Differentiation",
    "Embeddings",
    "Evaluation",
    "Event",
    "Face",
    "FaceStream",
    "Framing",
    "Generator",
    "ImageLike",
    "Iterate",
    "Score",
    "Started",
    "Violation",
    "likelihood",
    "probability",
    "product",
    "squared_distance",
    "v1",
]
