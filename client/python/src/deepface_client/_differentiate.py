"""Gradients with respect to the image, one round trip per step."""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

import grpc
import numpy as np

from deepface_client import v1
from deepface_client._attributes import Targets, targets
from deepface_client._errors import DeepFaceError, translated
from deepface_client._images import array, tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from deepface_client._channel import Replies

    Open = Callable[[Iterator[v1.DifferentiateRequest]], Replies[v1.DifferentiateResponse]]


def squared_distance(layer: str, target: ArrayLike, *, normalized: bool = True, weight: float = 1.0) -> v1.Objective:
    """Returns the objective || activation - target ||^2, divided by || target ||^2 if normalized: feature inversion."""
    term = v1.SquaredDistance(layer=layer, target=tensor(target), normalized=normalized)
    return v1.Objective(weight=weight, squared_distance=term)


def likelihood(wanted: Targets, *, weight: float = 1.0) -> v1.Objective:
    """Returns the objective - sum log p(attribute), or log(1 - p) for absent ones: class visualisation."""
    return v1.Objective(weight=weight, attribute_likelihood=v1.AttributeLikelihood(targets=targets(wanted)))


def probability(wanted: Targets, *, weight: float = 1.0) -> v1.Objective:
    """Returns the objective - sum p(attribute), or 1 - p for absent ones."""
    return v1.Objective(weight=weight, attribute_probability=v1.AttributeProbability(targets=targets(wanted)))


def product(layer: str, cotangent: ArrayLike, *, weight: float = 1.0) -> v1.Objective:
    """Returns the objective < cotangent, activation >, whose gradient is the vector-Jacobian product."""
    term = v1.VectorJacobianProduct(layer=layer, cotangent=tensor(cotangent))
    return v1.Objective(weight=weight, vector_jacobian_product=term)


@dataclass(frozen=True)
class Evaluation:
    """The answer to one step.

    Attributes:
        loss: One per image, of the shape of the step's leading dimensions.
        terms: The weighted terms of each loss, in the order of the objectives; the last dimension is theirs.
        gradient: Of each loss with respect to its image, of the image's shape.
        activations: Of the layers that were asked for, each [images, ...].
    """

    loss: NDArray[np.float64]
    terms: NDArray[np.float64]
    gradient: NDArray[np.float32]
    activations: dict[str, NDArray[np.float32]]


class Differentiation:
    """An open stream of steps: `with classifier.differentiate(objectives) as step: loss, gradient = step(x)`.

    One thread at a time may use it.
    """

    def __init__(self, start: Open, setup: v1.DifferentiateSetup) -> None:
        """Opens the stream."""
        self._requests: SimpleQueue[v1.DifferentiateRequest | None] = SimpleQueue()
        self._requests.put(v1.DifferentiateRequest(setup=setup))
        self._replies = start(iter(self._requests.get, None))
        self._steps = 0

    def __call__(self, image: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Returns the loss and its gradient with respect to the image.

        Args:
            image: RGB pixels, [3, S, S] or [N, 3, S, S], where S is `Model.input_size`; 0 to 1, where 1 is 255.
        """
        evaluation = self.evaluate(image)
        return evaluation.loss, evaluation.gradient

    def evaluate(self, image: ArrayLike, layers: Iterable[str] = ()) -> Evaluation:
        """As a call, and returns the terms of the loss and the activations of layers too."""
        values = tensor(image)
        leading = tuple(values.shape)[:-3]
        self._steps += 1
        step = v1.DifferentiateStep(id=self._steps, image=values, return_layers=list(layers))
        self._requests.put(v1.DifferentiateRequest(step=step))
        with translated():
            reply = next(self._replies, None)
        if reply is None:
            raise DeepFaceError(grpc.StatusCode.UNKNOWN, "the service ended the stream")
        losses = np.array([loss.total for loss in reply.losses])
        terms = np.array([list(loss.terms) for loss in reply.losses])
        return Evaluation(
            loss=losses.reshape(leading),
            terms=terms.reshape((*leading, -1)),
            gradient=array(reply.gradient),
            activations={a.layer: array(a.tensor) for a in reply.activations},
        )

    def close(self) -> None:
        """Ends the stream."""
        self._requests.put(None)
        self._replies.cancel()

    def __enter__(self) -> Self:
        """Returns the open stream."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the stream."""
        self.close()
