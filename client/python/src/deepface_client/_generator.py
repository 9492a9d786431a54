"""The generator: faces from attributes, and reconstructions of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deepface_client import v1
from deepface_client._attributes import Requested, Score, requested
from deepface_client._channel import MAX_REPLY_BYTES, Client, Replies
from deepface_client._errors import DeepFaceError, translated
from deepface_client._images import Framing, ImageLike, array, message
from deepface_client._proto.generator_pb2_grpc import GeneratorServiceStub

if TYPE_CHECKING:
    import os
    from types import TracebackType

    import grpc
    from typing_extensions import Self

Format: TypeAlias = Literal["png", "jpeg", "webp"]
Images: TypeAlias = Literal["png", "pixels", "none"]

_FORMATS: dict[Format, v1.FileFormat.ValueType] = {
    "png": v1.FILE_FORMAT_PNG,
    "jpeg": v1.FILE_FORMAT_JPEG,
    "webp": v1.FILE_FORMAT_WEBP,
}


@dataclass(frozen=True)
class Started:
    """The first event of a stream: the settings in force.

    Attributes:
        message: The whole event.
    """

    settings: v1.GenerationSettings
    image_size: int
    message: v1.Started


@dataclass(frozen=True)
class Iterate:
    """One step of the descent.

    Attributes:
        step: Steps done, from 1.
        loss: Before the step's update, term by term.
        picture: The image after the step, as a PNG; None unless images="png".
        pixels: The same, [3, S, S], 0 to 1; None unless images="pixels".
        elapsed: Seconds since the request arrived.
        index: Which face of `count`.
        resume_token: Continues the descent after this step; empty unless asked for.
    """

    step: int
    loss: v1.LossTerms
    picture: bytes | None
    pixels: NDArray[np.float32] | None
    elapsed: float
    index: int
    resume_token: bytes


@dataclass(frozen=True)
class Face:
    """A finished face.

    Attributes:
        picture: The encoded picture, which says in itself that it is synthetic; empty if the stream carries pixels.
        media_type: Such as "image/png".
        pixels: [3, S, S], 0 to 1; None unless the stream carries pixels.
        seed: Its seed.
        loss: Of the last step, term by term.
        scores: What the classifier sees, by the name of the attribute. It judges its own work here.
        moved: Attributes that the request did not name and that changed all the same.
        similarity: With `from_image`, how much of that face is left, -1 to 1; else None.
    """

    picture: bytes
    media_type: str
    pixels: NDArray[np.float32] | None
    seed: int
    loss: v1.LossTerms
    scores: dict[str, Score]
    moved: list[str]
    similarity: float | None = None

    def save(self, file: str | os.PathLike[str]) -> None:
        """Writes the picture as it came."""
        if not self.picture:
            raise ValueError("the stream carried pixels, not a picture")
        Path(file).write_bytes(self.picture)

    def present(self) -> list[str]:
        """Returns the names of the attributes that the classifier sees, the most probable first."""
        names = [name for name, score in self.scores.items() if score.present]
        return sorted(names, key=lambda name: -self.scores[name].probability)


Event: TypeAlias = Started | Iterate | Face


class FaceStream(Iterator[Event]):
    """The events of a face that is being made: one `Started`, then `Iterate`s, then one `Face` (each, of several).

    Leaving the `with` block, or `cancel`, stops the work within one step.
    """

    def __init__(self, call: Replies[v1.GenerateResponse | v1.InvertResponse], seed: int) -> None:
        """Wraps an open call."""
        self._call = call
        self._seed = seed
        self._cancelled = False

    def __next__(self) -> Event:
        """Returns the next event."""
        if self._cancelled:
            raise StopIteration
        try:
            with translated():
                reply = next(self._call)
        except DeepFaceError:
            if self._cancelled:
                raise StopIteration from None
            raise
        match reply.WhichOneof("event"):
            case "started":
                return Started(reply.started.settings, reply.started.image_size, reply.started)
            case "iterate":
                return _iterate(reply.iterate)
            case _:
                return _result(reply.result, self._seed)

    def face(self) -> Face:
        """Reads until the next finished face and returns it."""
        for event in self:
            if isinstance(event, Face):
                return event
        raise ValueError("the stream has no further face")

    def cancel(self) -> None:
        """Stops the work; the iteration then ends. Another thread may do this."""
        self._cancelled = True
        self._call.cancel()

    def __enter__(self) -> Self:
        """Returns the stream."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the work if it is not done."""
        self.cancel()


class Generator(Client):
    """A client of GeneratorService."""

    def __init__(
        self,
        target: str = "127.0.0.1:50052",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | Callable[[], str] | None = None,
        deadline: float | None = None,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        super().__init__(
            target, credentials=credentials, token=token, deadline=deadline, max_reply_bytes=max_reply_bytes
        )
        self._stub = GeneratorServiceStub(self._channel)

    __init__.__doc__ = Client.__init__.__doc__

    def attributes(self, *, deadline: float | None = None) -> v1.ListAttributesResponse:
        """Returns what a request can name, and the defaults."""
        return self._call(self._stub.ListAttributes, v1.ListAttributesRequest(), deadline)

    def target(
        self,
        attributes: Requested,
        *,
        seed: int = 0,
        keep: Iterable[str] = (),
        settings: v1.TargetSettings | None = None,
        parametrization: v1.Parametrization.ValueType = v1.PARAMETRIZATION_UNSPECIFIED,
        deadline: float | None = None,
    ) -> tuple[str, NDArray[np.float32]]:
        """Returns a layer and the activation there that a face with these attributes would cause.

        Args:
            attributes: As for `generate`.
            seed: Decides what the attributes leave open.
            keep: As for `generate`.
            settings: How the target is made. Fields that are not set take their defaults.
            parametrization: What the descent that it is for moves: this decides the layer and what the seed draws.
            deadline: Seconds for this call.
        """
        request = v1.GetTargetRequest(
            attributes=requested(attributes),
            target=settings,
            seed=seed,
            keep=list(keep),
            parametrization=parametrization,
        )
        reply = self._call(self._stub.GetTarget, request, deadline)
        return reply.layer, array(reply.target)

    def generate(
        self,
        attributes: Requested,
        *,
        seed: int = 0,
        keep: Iterable[str] = (),
        from_image: ImageLike | None = None,
        framing: Framing | None = None,
        settings: v1.GenerationSettings | None = None,
        size: int | None = None,
        format: Format = "png",  # noqa: A002
        deadline: float | None = None,
    ) -> Face:
        """Returns a finished face.

        Args:
            attributes: Names, such as ["Male", "not Eyeglasses"], or messages, which may have a strength.
            seed: The same seed, request and models give the same image.
            keep: Attributes to keep as they are without the request, or in `from_image`.
            from_image: The face to change, in place of a new one.
            framing: Where the face is in `from_image`. None: by its type, as for a classifier.
            settings: How it is made. Fields that are not set take their defaults.
            size: Side of the picture in pixels, 16 to 1024. None: the size that the service makes.
            format: How the picture is encoded.
            deadline: Seconds for this call.
        """
        origin = _origin(from_image, framing)
        return self._faces(attributes, [seed], keep, settings, size, format, origin, deadline)[0]

    def generate_several(
        self,
        attributes: Requested,
        seeds: Sequence[int],
        *,
        keep: Iterable[str] = (),
        settings: v1.GenerationSettings | None = None,
        size: int | None = None,
        format: Format = "png",  # noqa: A002
        deadline: float | None = None,
    ) -> list[Face]:
        """Returns one face per seed, at most 16, which takes less time than one after another."""
        return self._faces(attributes, seeds, keep, settings, size, format, {}, deadline)

    def _faces(
        self,
        attributes: Requested,
        seeds: Sequence[int],
        keep: Iterable[str],
        settings: v1.GenerationSettings | None,
        size: int | None,
        format: Format,  # noqa: A002
        origin: dict[str, Any],
        deadline: float | None,
    ) -> list[Face]:
        request = v1.GenerateFaceRequest(
            attributes=requested(attributes),
            settings=settings,
            seeds=seeds,
            keep=list(keep),
            size=size,
            format=_FORMATS[format],
            **origin,
        )
        reply = self._call(self._stub.GenerateFace, request, deadline)
        return [
            Face(f.picture, f.media_type, None, f.seed, f.loss, _scores(f.attributes), list(f.moved), _similarity(f))
            for f in reply.faces
        ]

    def stream(
        self,
        attributes: Requested,
        *,
        seed: int = 0,
        count: int = 1,
        keep: Iterable[str] = (),
        from_image: ImageLike | None = None,
        framing: Framing | None = None,
        settings: v1.GenerationSettings | None = None,
        images: Images = "png",
        every: int | None = None,
        resume_tokens: bool = False,
        resume_from: Sequence[bytes] = (),
        deadline: float | None = None,
    ) -> FaceStream:
        """Starts a face and returns its events.

        Args:
            attributes: As for `generate`.
            seed: Of the first face; those of the others follow.
            count: Faces, 1 to 16.
            keep: As for `generate`.
            from_image: As for `generate`.
            framing: As for `generate`.
            settings: As for `generate`.
            images: What iterates carry: a PNG, pixels, or "none". The face then is a PNG, pixels, or a PNG.
            every: Steps between two iterates. None: 10.
            resume_tokens: Whether iterates carry tokens to resume from.
            resume_from: A token per face, to continue the same request after its step.
            deadline: Seconds for the whole stream.
        """
        request = v1.GenerateRequest(
            attributes=requested(attributes),
            settings=settings,
            seed=seed,
            stream=_stream(images, every, resume_tokens),
            keep=list(keep),
            resume_tokens=resume_from,
            count=count,
            **_origin(from_image, framing),
        )
        call = self._stub.Generate(request, timeout=self._timeout(deadline), metadata=self._metadata())
        return FaceStream(call, seed)

    def invert(
        self,
        image: ImageLike,
        *,
        framing: Framing | None = None,
        layer: str = "",
        seed: int = 0,
        settings: v1.InversionSettings | None = None,
        images: Images = "png",
        every: int | None = None,
        deadline: float | None = None,
    ) -> FaceStream:
        """Starts the reconstruction of an image from its activations and returns its events."""
        request = v1.InvertRequest(
            image=message(image, framing),
            layer=layer,
            inversion=settings,
            seed=seed,
            stream=_stream(images, every, resume_tokens=False),
        )
        call = self._stub.Invert(request, timeout=self._timeout(deadline), metadata=self._metadata())
        return FaceStream(call, seed)


def _origin(image: ImageLike | None, framing: Framing | None) -> dict[str, Any]:
    # The field's name, `from`, is a keyword of Python.
    return {} if image is None else {"from": message(image, framing)}


def _similarity(face: v1.GeneratedFace | v1.Result) -> float | None:
    return face.similarity if face.HasField("similarity") else None


def _stream(images: Images, every: int | None, resume_tokens: bool) -> v1.StreamSettings:
    return v1.StreamSettings(
        every=every,
        format=v1.IMAGE_FORMAT_TENSOR if images == "pixels" else v1.IMAGE_FORMAT_PNG,
        losses_only=images == "none",
        resume_tokens=resume_tokens,
    )


def _shown(image: v1.Image) -> tuple[bytes | None, NDArray[np.float32] | None]:
    match image.WhichOneof("content"):
        case "encoded":
            return image.encoded, None
        case "tensor":
            return None, array(image.tensor)
        case _:
            return None, None


def _iterate(event: v1.Iterate) -> Iterate:
    picture, pixels = _shown(event.image)
    elapsed = event.elapsed_us / 1e6
    return Iterate(event.step, event.loss, picture, pixels, elapsed, event.index, event.resume_token)


def _result(event: v1.Result, seed: int) -> Face:
    picture, pixels = _shown(event.image)
    media_type = "image/png" if picture else ""
    seed += event.index
    scores, similarity = _scores(event.attributes), _similarity(event)
    return Face(picture or b"", media_type, pixels, seed, event.loss, scores, list(event.moved), similarity)


def _scores(attributes: Iterable[v1.ResultAttribute]) -> dict[str, Score]:
    return {
        a.name: Score(a.probability, a.present, requested=a.requested if a.HasField("requested") else None)
        for a in attributes
    }
