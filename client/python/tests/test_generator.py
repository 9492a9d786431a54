"""The generator, by a real service."""

import threading
import time
from pathlib import Path

import grpc
import numpy as np
import pytest

from deepface_client import DeepFaceError, Face, Framing, Generator, Iterate, Started, Violation, v1

FAST = v1.GenerationSettings(inversion=v1.InversionSettings(steps=5))


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def test_a_face_has_the_attributes_that_were_asked_for(face: Face, tmp_path: Path) -> None:
    assert face.media_type == "image/png"
    assert face.scores["Male"].requested is True
    assert face.scores["Eyeglasses"].requested is False
    assert face.scores["Bald"].requested is None
    assert {"Male", "Smiling"} <= set(face.present())
    assert not face.scores["Eyeglasses"].present
    face.save(tmp_path / "face.png")
    assert (tmp_path / "face.png").read_bytes() == face.picture


def test_the_same_seed_gives_the_same_bytes(generator: Generator) -> None:
    first, second, other = (generator.generate("Male", seed=seed, settings=FAST).picture for seed in (1, 1, 2))
    assert first == second != other


def test_several_faces_are_those_of_their_seeds(generator: Generator) -> None:
    faces = generator.generate_several("Male", [3, 1], settings=FAST)
    assert [face.seed for face in faces] == [3, 1]
    assert faces[1].picture == generator.generate("Male", seed=1, settings=FAST).picture


def test_size_and_format_are_as_asked(generator: Generator) -> None:
    assert size_of(generator.generate("Male", size=64, settings=FAST).picture) == (64, 64)
    jpeg = generator.generate("Male", format="jpeg", settings=FAST)
    assert jpeg.media_type == "image/jpeg"
    assert jpeg.picture.startswith(b"\xff\xd8\xff")


def test_a_message_can_say_more_than_a_name(generator: Generator) -> None:
    mild, strong = (
        generator.generate([v1.RequestedAttribute(name="Smiling", strength=s)], settings=FAST) for s in (0.5, 2)
    )
    assert mild.picture != strong.picture


def test_wrong_fields_are_named(generator: Generator) -> None:
    wrong = v1.GenerationSettings(inversion=v1.InversionSettings(steps=0))
    with pytest.raises(DeepFaceError) as caught:
        generator.generate(["Male", "Smilng"], settings=wrong)
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.reason == "INVALID_REQUEST"
    assert caught.value.violations == (
        Violation("attributes[1].name", 'unknown attribute "Smilng"; did you mean Smiling?'),
        Violation("settings.inversion.steps", "expected 1 to 5000, got 0"),
    )


def test_a_deadline_ends_a_call(generator: Generator) -> None:
    long = v1.GenerationSettings(inversion=v1.InversionSettings(steps=5000))
    with pytest.raises(DeepFaceError) as caught:
        generator.generate("Male", settings=long, deadline=0.2)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_stream_has_its_events_in_order(generator: Generator) -> None:
    with generator.stream("Male", settings=FAST, every=2) as events:
        started, *iterates, face = events
    assert isinstance(started, Started)
    assert isinstance(face, Face)
    steps = [event.step for event in iterates if isinstance(event, Iterate)]
    assert steps == [2, 4, 5]
    assert len(steps) == len(iterates)
    assert started.settings.inversion.steps == 5
    # A stream's PNG has the size that the network sees.
    assert size_of(face.picture) == (started.image_size, started.image_size)


def test_pixels_arrive_as_arrays(generator: Generator) -> None:
    with generator.stream("Male", settings=FAST, images="pixels") as events:
        for event in events:
            if isinstance(event, Iterate | Face):
                assert event.pixels is not None
                assert event.pixels.dtype == np.float32
                assert event.pixels.shape[0] == 3
                assert 0 <= event.pixels.min() <= event.pixels.max() <= 1


def test_cancel_ends_the_iteration_and_the_work(generator: Generator) -> None:
    long = v1.GenerationSettings(inversion=v1.InversionSettings(steps=5000))
    begin = time.monotonic()
    steps = []
    with generator.stream("Male", settings=long, images="none", every=1) as events:
        for event in events:
            if isinstance(event, Iterate):
                steps.append(event.step)
                if event.step == 3:
                    events.cancel()
    assert steps == [1, 2, 3]
    assert time.monotonic() - begin < 10


def test_another_thread_may_cancel(generator: Generator) -> None:
    long = v1.GenerationSettings(inversion=v1.InversionSettings(steps=5000))
    with generator.stream("Male", settings=long, images="none", every=5000) as events:
        assert isinstance(next(events), Started)
        threading.Timer(0.3, events.cancel).start()
        assert list(events) == []


def test_a_resumed_face_is_the_undisturbed_one(generator: Generator) -> None:
    tokens = []
    with generator.stream("Male", settings=FAST, images="none", every=1, resume_tokens=True) as events:
        for event in events:
            if isinstance(event, Iterate):
                tokens.append(event.resume_token)
            elif isinstance(event, Face):
                undisturbed = event.picture
    with generator.stream("Male", settings=FAST, resume_from=[tokens[2]]) as events:
        assert events.face().picture == undisturbed


def test_an_inversion_resembles_the_image(generator: Generator, face: Face) -> None:
    with generator.invert(face.picture, framing=Framing.FACE, images="none") as events:
        assert events.face().loss.objective < 0.3


def test_a_target_has_the_shape_of_its_layer(generator: Generator) -> None:
    layer, target = generator.target("Male")
    assert layer == generator.attributes().defaults.target.layer
    layer, target = generator.target("Male", parametrization=v1.PARAMETRIZATION_PRIOR)
    assert layer == "conv4_3"
    assert target.ndim == 3


def test_a_given_face_is_changed_and_still_resembles_itself(generator: Generator, face: Face) -> None:
    changed = generator.generate("Eyeglasses", from_image=face.picture, framing=Framing.FACE, keep=["Male"])
    assert changed.similarity is not None
    assert 0.2 < changed.similarity < 1
    assert face.similarity is None
    assert changed.scores["Eyeglasses"].probability > face.scores["Eyeglasses"].probability + 0.3
    with generator.stream("Eyeglasses", from_image=face.picture, framing=Framing.FACE, keep=["Male"]) as events:
        assert events.face().similarity == pytest.approx(changed.similarity)


def test_only_one_face_can_be_changed_at_once(generator: Generator, face: Face) -> None:
    with pytest.raises(DeepFaceError) as caught, generator.stream("Bald", count=2, from_image=face.picture) as events:
        events.face()
    assert caught.value.violations[0].field == "from"
