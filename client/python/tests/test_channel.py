"""Connections: retries, tokens and TLS, by real services."""

import os
import pickle
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import pytest
from conftest import Services, program

from deepface_client import Classifier, DeepFaceError, Violation, likelihood


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def running(*command: object) -> Iterator[None]:
    # The services' own names of each other would be taken for settings.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DEEPFACE")}
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, env=environment) as process:
        try:
            yield
        finally:
            process.terminate()


def test_calls_wait_for_a_service_that_starts() -> None:
    address = f"127.0.0.1:{free_port()}"
    deepface = program("deepface")
    with Classifier(address, deadline=30) as client:
        answered = threading.Event()

        def call() -> None:
            # Larger than what gRPC keeps for a retry by default.
            assert client.classify(np.zeros((600, 600, 3), np.uint8), skip_face_check=True)
            answered.set()

        thread = threading.Thread(target=call)
        thread.start()
        time.sleep(0.5)
        with running(deepface, "serve", "--classifier-listen", address, "--generator-listen", "127.0.0.1:0"):
            thread.join(30)
            assert answered.is_set()


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with Classifier(f"127.0.0.1:{free_port()}", deadline=30) as client, pytest.raises(DeepFaceError) as caught:
        client.model()
    assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_tokens_and_certificates_are_checked(tmp_path: Path) -> None:
    service = program("classifier-svc")
    if not (openssl := shutil.which("openssl")):
        pytest.skip("openssl is not installed")
    cert, key, tokens = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "tokens"
    certificate = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost".split()
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([openssl, *certificate, *names], check=True, capture_output=True)
    for name, scopes in (("all", "read,infer"), ("reader", "read")):
        line = subprocess.check_output(
            [service, "token", name, "--scopes", scopes, "--output", str(tmp_path / name)], text=True
        )
        with tokens.open("a") as file:
            file.write(line)
    port = free_port()
    listen = ["serve", "--listen", f"127.0.0.1:{port}", "--tls-cert", cert, "--tls-key", key, "--tokens", tokens]
    credentials = grpc.ssl_channel_credentials(cert.read_bytes())
    image = np.zeros((96, 96, 3), np.uint8)

    def client(token: str | Callable[[], str] | None) -> Classifier:
        return Classifier(f"https://localhost:{port}", credentials=credentials, token=token, deadline=30)

    with running(service, *listen):
        end = time.monotonic() + 30
        while not is_open(port):
            assert time.monotonic() < end
            time.sleep(0.1)
        with client((tmp_path / "all").read_text) as allowed:
            assert allowed.classify(image, skip_face_check=True)
            with allowed.differentiate(likelihood("Male")) as step:
                step(np.zeros((3, 96, 96)))
        with client((tmp_path / "reader").read_text()) as reader:
            assert reader.model().model.input_size == 96
            with pytest.raises(DeepFaceError) as caught:
                reader.classify(image)
            assert caught.value.reason == "SCOPE_MISSING"
        with client(None) as stranger, pytest.raises(DeepFaceError) as caught:
            stranger.model()
        assert caught.value.code is grpc.StatusCode.UNAUTHENTICATED
        with Classifier(f"https://localhost:{port}") as distrustful, pytest.raises(DeepFaceError) as caught:
            distrustful.model()
        assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_smaller_limits_on_replies_hold(services: Services) -> None:
    with Classifier(services.classifier, max_reply_bytes=1000) as client, pytest.raises(DeepFaceError) as caught:
        client.model()
    assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_urls_in_plain_text_take_no_credentials() -> None:
    with pytest.raises(ValueError, match="https"):
        Classifier("http://127.0.0.1:1", credentials=grpc.ssl_channel_credentials())


def test_errors_survive_pickling() -> None:
    error = DeepFaceError(grpc.StatusCode.INVALID_ARGUMENT, "no", (Violation("a", "b"),), "R", 1.5)
    again = pickle.loads(pickle.dumps(error))
    assert vars(again) == vars(error)
    assert str(again) == "INVALID_ARGUMENT: no"
