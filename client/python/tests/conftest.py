"""Real services for the tests: those that DEEPFACE_CLASSIFIER and DEEPFACE_GENERATOR name, else some of our own.

Our own are those of the program that DEEPFACE names, or of `cargo build --release`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deepface_client import Classifier, Face, Generator

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Services:
    """URLs of both services."""

    classifier: str
    generator: str


def program(name: str) -> Path:
    """Returns a program of this repository; skips the test if it was not built."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "deepface"
    path = Path(os.environ.get("DEEPFACE") or target).with_name(name)
    if not path.is_file():
        pytest.skip(f"{name} is not built (cargo build --release)")
    return path


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """Both services."""
    named = [os.environ.get(f"DEEPFACE_{name}") for name in ("CLASSIFIER", "GENERATOR")]
    if named[0] and named[1]:
        yield Services(named[0], named[1])
        return
    listen = ["--classifier-listen=127.0.0.1:0", "--generator-listen=127.0.0.1:0"]
    with subprocess.Popen([program("deepface"), "serve", *listen], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            urls = dict(process.stdout.readline().split() for _ in range(2))
            yield Services(urls["classifier"], urls["generator"])
        finally:
            process.terminate()


@pytest.fixture
def classifier(services: Services) -> Iterator[Classifier]:
    """A client of the classifier."""
    with Classifier(services.classifier, deadline=60) as client:
        yield client


@pytest.fixture
def generator(services: Services) -> Iterator[Generator]:
    """A client of the generator."""
    with Generator(services.generator, deadline=60) as client:
        yield client


@pytest.fixture(scope="session")
def face(services: Services) -> Face:
    """A smiling man without eyeglasses."""
    with Generator(services.generator, deadline=60) as client:
        return client.generate(["Male", "Smiling", "not Eyeglasses"], seed=7)
