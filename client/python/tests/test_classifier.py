"""The classifier, by a real service."""

from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

from deepface_client import (
    Classifier,
    DeepFaceError,
    Embeddings,
    Face,
    Framing,
    likelihood,
    probability,
    product,
    squared_distance,
    v1,
)


def noise(*shape: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(0.2, 0.8, shape)


def size(classifier: Classifier) -> int:
    return classifier.model().model.input_size


def test_files_bytes_and_messages_of_one_image_score_the_same(
    classifier: Classifier, face: Face, tmp_path: Path
) -> None:
    file = tmp_path / "face.png"
    face.save(file)
    image = v1.Image(encoded=face.picture, framing=v1.FRAMING_FACE)
    results = classifier.classify([file, str(file), face.picture, image], framing=Framing.FACE)
    assert [result.image for result in results] == [0, 1, 2, 3]
    assert all(result.scores == results[0].scores for result in results)
    assert {"Male", "Smiling"} <= set(results[0].present())


def test_arrays_of_either_order_and_type_score_the_same(classifier: Classifier) -> None:
    pixels = (255 * noise(40, 30, 3)).astype(np.uint8)
    alike: list[NDArray[Any]] = [pixels, pixels.transpose(2, 0, 1), pixels / 255, (pixels / 255).astype(np.float32)]
    scores = [result.scores["Male"].probability for result in classifier.classify(alike)]
    assert scores == pytest.approx([scores[0]] * 4, abs=1e-5)


@pytest.mark.parametrize(
    "array", [np.zeros(shape, np.uint8) for shape in [(30, 40), (40, 30, 4), (3, 30, 3)]] + [np.zeros((9, 9, 3), int)]
)
def test_arrays_that_are_not_rgb_are_refused_here(classifier: Classifier, array: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="expected an RGB array"):
        classifier.classify(array)


def test_an_unusable_image_has_its_own_error_among_others(classifier: Classifier, face: Face) -> None:
    good, bad = classifier.classify([face.picture, b"not an image"], framing=Framing.FACE)
    assert good.error is None
    assert bad.error is not None
    assert bad.error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert [v.field for v in bad.error.violations] == ["images[1].encoded"]
    activations = classifier.activations([b"not an image", face.picture], "fc7", framing=Framing.FACE)
    assert list(activations.errors) == [0]
    assert [row.image for row in activations.rows] == [1]


def test_an_unusable_image_alone_raises(classifier: Classifier) -> None:
    with pytest.raises(DeepFaceError) as caught:
        classifier.classify(b"not an image")
    assert caught.value.violations[0].field == "images[0].encoded"


def test_activations_have_the_shapes_of_their_layers(classifier: Classifier) -> None:
    layers = {layer.name: tuple(layer.shape) for layer in classifier.model().model.layers}
    activations = classifier.activations([noise(50, 50, 3), noise(60, 60, 3)], layers)
    assert {name: values.shape for name, values in activations.layers.items()} == {
        name: (2, *shape) for name, shape in layers.items()
    }


@pytest.mark.parametrize("data_type", [v1.DATA_TYPE_F16, v1.DATA_TYPE_BF16])
def test_half_precision_is_close(classifier: Classifier, data_type: v1.DataType.ValueType) -> None:
    image = noise(50, 50, 3)
    exact, short = (
        classifier.activations(image, "fc7", data_type=kind)["fc7"] for kind in (v1.DATA_TYPE_F32, data_type)
    )
    assert short.dtype == np.float32
    np.testing.assert_allclose(short, exact, rtol=1 / 128)


def test_replies_above_4_mib_arrive(classifier: Classifier) -> None:
    activations = classifier.activations([noise(50, 50, 3)] * 16, "conv1_1")
    assert activations["conv1_1"].nbytes > 4 << 20


def test_an_embedding_compares_as_its_image_does(classifier: Classifier, face: Face) -> None:
    activations = classifier.activations(face.picture, "fc7", framing=Framing.FACE)
    embeddings = Embeddings(activations["fc7"], activations.model_digest)
    other = noise(96, 96, 3)
    by_image = classifier.compare(face.picture, other, framing=Framing.FACE)
    by_embedding = classifier.compare(embeddings, other, framing=Framing.FACE)
    assert by_embedding.cosine == pytest.approx(by_image.cosine, abs=1e-5)
    assert by_image.same_person is False
    assert classifier.compare(face.picture, embeddings, framing=Framing.FACE).same_person is True


def test_embeddings_of_another_network_are_refused(classifier: Classifier, face: Face) -> None:
    embeddings = Embeddings(np.ones(512, np.float32), "0" * 64)
    with pytest.raises(DeepFaceError) as caught:
        classifier.compare(embeddings, face.picture, framing=Framing.FACE)
    assert caught.value.code is grpc.StatusCode.FAILED_PRECONDITION


def test_gradients_match_finite_differences(classifier: Classifier) -> None:
    side = size(classifier)
    image = noise(3, side, side)
    target = classifier.activations(noise(side, side, 3, seed=2), "conv4_3")["conv4_3"]
    objectives = [likelihood(["Male", "not Smiling"]), squared_distance("conv4_3", target, weight=3)]
    epsilon = 1e-3
    with classifier.differentiate(objectives) as step:
        loss, gradient = step(image)
        direction = gradient / np.abs(gradient).max()
        above, _ = step(image + epsilon * direction)
        below, _ = step(image - epsilon * direction)
    assert loss.shape == ()
    assert gradient.shape == image.shape
    assert (gradient * direction).sum() == pytest.approx((above - below) / (2 * epsilon), rel=0.05)


def test_descent_lowers_the_loss(classifier: Classifier) -> None:
    side = size(classifier)
    image = np.full((3, side, side), 0.5)
    losses = []
    with classifier.differentiate(probability("Smiling")) as step:
        for _ in range(10):
            loss, gradient = step(image)
            losses.append(float(loss))
            image -= 0.02 * gradient / np.abs(gradient).max()
    assert losses[-1] < losses[0]


def test_a_batch_has_one_loss_per_image_and_its_activations(classifier: Classifier) -> None:
    side = size(classifier)
    images = noise(2, 3, side, side)
    cotangent = noise(512)
    with classifier.differentiate([product("fc7", cotangent), likelihood("Male", weight=2)]) as step:
        batch = step.evaluate(images, ["fc7"])
        single = step.evaluate(images[1])
    assert batch.loss.shape == (2,)
    assert batch.terms.shape == (2, 2)
    assert batch.gradient.shape == images.shape
    assert batch.terms[:, 0] == pytest.approx(batch.activations["fc7"] @ cotangent, rel=1e-4)
    np.testing.assert_array_equal(batch.gradient[1], single.gradient)


def test_a_wrong_objective_is_named_at_the_first_step(classifier: Classifier) -> None:
    side = size(classifier)
    with classifier.differentiate(likelihood("Smilng")) as step, pytest.raises(DeepFaceError) as caught:
        step(noise(3, side, side))
    assert "Smiling" in caught.value.violations[0].description
