"""The classifier: attributes, activations, similarities and gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from deepface_client import v1
from deepface_client._attributes import Score
from deepface_client._channel import MAX_REPLY_BYTES, Client
from deepface_client._differentiate import Differentiation
from deepface_client._errors import DeepFaceError, from_status
from deepface_client._images import Framing, ImageLike, array, message, messages, tensor
from deepface_client._proto.classifier_pb2_grpc import ClassifierServiceStub

if TYPE_CHECKING:
    import grpc


@dataclass(frozen=True)
class Classification:
    """The attributes of one face.

    Attributes:
        image: Index of the image in the request.
        scores: By the name of the attribute.
        face: Where the face is. `Framing.DETECT` only.
        warnings: What a caller should know about this answer.
        error: Why the image has no answer; the scores are then empty. Only in requests with several images.
    """

    image: int
    scores: dict[str, Score]
    face: v1.FaceBox | None
    warnings: list[v1.Warning]
    error: DeepFaceError | None

    def present(self) -> list[str]:
        """Returns the names of the attributes that the face has, the most probable first."""
        names = [name for name, score in self.scores.items() if score.present]
        return sorted(names, key=lambda name: -self.scores[name].probability)


@dataclass(frozen=True)
class Activations:
    """Activations of images: `activations["fc7"]` is [rows, ...].

    Attributes:
        rows: What each row shows.
        errors: By the index of the image: why it has no row. Only in requests with several images.
        model_digest: Of the network.
    """

    layers: dict[str, NDArray[np.float32]]
    rows: list[v1.ActivationRow]
    errors: dict[int, DeepFaceError]
    model_digest: str

    def __getitem__(self, layer: str) -> NDArray[np.float32]:
        """Returns the activations of a layer."""
        return self.layers[layer]


@dataclass(frozen=True)
class Embeddings:
    """Activations of fc7, [features] or [faces, features], in place of an image to compare.

    Attributes:
        model_digest: Of the network that made them; another one then refuses them.
    """

    values: NDArray[np.float32]
    model_digest: str = ""


@dataclass(frozen=True)
class Comparison:
    """The similarity of two faces.

    Attributes:
        cosine: -1 to 1.
        similarity_percent: 100 * max(0, cosine).
        same_person: The verdict; None if the model has none.
        message: The whole answer: all pairs, faces and warnings.
    """

    cosine: float
    similarity_percent: float
    same_person: bool | None
    message: v1.CompareResponse


class Classifier(Client):
    """A client of ClassifierService."""

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | Callable[[], str] | None = None,
        deadline: float | None = None,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        super().__init__(
            target, credentials=credentials, token=token, deadline=deadline, max_reply_bytes=max_reply_bytes
        )
        self._stub = ClassifierServiceStub(self._channel)

    __init__.__doc__ = Client.__init__.__doc__

    def model(self, *, deadline: float | None = None) -> v1.GetModelResponse:
        """Returns the served model, with its layers and attributes, and the limits of a request."""
        return self._call(self._stub.GetModel, v1.GetModelRequest(), deadline)

    def classify(
        self,
        images: ImageLike | Sequence[ImageLike],
        *,
        framing: Framing | None = None,
        skip_face_check: bool = False,
        deadline: float | None = None,
    ) -> list[Classification]:
        """Returns the attributes of each image, or with `Framing.DETECT` of each face, the largest first.

        An image that can't be used raises if it is alone; among others it has an `error`.
        """
        request = v1.ClassifyRequest(images=messages(images, framing), skip_face_check=skip_face_check)
        reply = self._call(self._stub.Classify, request, deadline)
        return [
            Classification(
                image=result.image,
                scores={
                    a.name: Score(a.probability, a.present, a.present_balanced)
                    for group in result.groups
                    for a in group.attributes
                },
                face=result.face if result.HasField("face") else None,
                warnings=list(result.warnings),
                error=from_status(result.error) if result.HasField("error") else None,
            )
            for result in reply.results
        ]

    def activations(
        self,
        images: ImageLike | Sequence[ImageLike],
        layers: str | Iterable[str],
        *,
        framing: Framing | None = None,
        all_faces: bool = False,
        skip_face_check: bool = False,
        data_type: v1.DataType.ValueType = v1.DATA_TYPE_F32,
        deadline: float | None = None,
    ) -> Activations:
        """Returns the activations of layers, one row per image or face.

        Args:
            images: The images.
            layers: Names from `Model.layers`.
            framing: Where the faces are.
            all_faces: With `Framing.DETECT`: every face, not only the largest.
            skip_face_check: Leaves out the search for a face, and the warnings about it.
            data_type: How numbers travel; `v1.DATA_TYPE_F16` halves the reply. The result is float32 either way.
            deadline: Seconds for this call.
        """
        request = v1.GetActivationsRequest(
            images=messages(images, framing),
            layers=[layers] if isinstance(layers, str) else list(layers),
            data_type=data_type,
            all_faces=all_faces,
            skip_face_check=skip_face_check,
        )
        reply = self._call(self._stub.GetActivations, request, deadline)
        return Activations(
            layers={a.layer: array(a.tensor) for a in reply.activations},
            rows=list(reply.rows),
            errors={error.image: from_status(error.status) for error in reply.errors},
            model_digest=reply.model_digest,
        )

    def compare(
        self,
        first: ImageLike | Embeddings,
        second: ImageLike | Embeddings,
        *,
        framing: Framing | None = None,
        deadline: float | None = None,
    ) -> Comparison:
        """Returns the similarity of two faces; with `Framing.DETECT` that of the most similar pair.

        The built-in network describes attributes: a stranger with the same ones is as similar as the person.
        """
        request = v1.CompareRequest()
        for given, image, embeddings in (
            (first, request.first, request.first_embeddings),
            (second, request.second, request.second_embeddings),
        ):
            if isinstance(given, Embeddings):
                embeddings.CopyFrom(tensor(given.values))
                request.embeddings_digest = request.embeddings_digest or given.model_digest
            else:
                image.CopyFrom(message(given, framing))
        reply = self._call(self._stub.Compare, request, deadline)
        return Comparison(
            cosine=reply.cosine,
            similarity_percent=reply.similarity_percent,
            same_person=reply.same_person if reply.HasField("same_person") else None,
            message=reply,
        )

    def differentiate(
        self,
        objectives: v1.Objective | Iterable[v1.Objective],
        *,
        model_digest: str = "",
        deadline: float | None = None,
    ) -> Differentiation:
        """Opens a stream of steps, each of which returns the loss and its gradient with respect to the image.

        Args:
            objectives: Terms of the loss: `squared_distance`, `likelihood`, `probability`, `product`.
            model_digest: `Model.digest` of the network that must answer. Empty: any.
            deadline: Seconds for the whole stream.
        """
        terms = [objectives] if isinstance(objectives, v1.Objective) else list(objectives)
        setup = v1.DifferentiateSetup(objectives=terms, model_digest=model_digest)
        timeout, metadata = self._timeout(deadline), self._metadata()
        return Differentiation(
            lambda requests: self._stub.Differentiate(requests, timeout=timeout, metadata=metadata), setup
        )
