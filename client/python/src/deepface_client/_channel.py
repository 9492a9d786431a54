"""What both clients share: the channel, its options, deadlines and tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc

from deepface_client._errors import translated

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self

Request = TypeVar("Request")
Reply = TypeVar("Reply")
Reply_co = TypeVar("Reply_co", covariant=True)

# Largest reply, in bytes. The classifier refuses requests that need more than 64 MiB; gRPC's own default is 4 MiB.
MAX_REPLY_BYTES = 80 << 20
# Largest request that the services take, in bytes.
_MAX_REQUEST_BYTES = 32 << 20

# Every call is pure, so that repeating it is safe. UNAVAILABLE is what a service that starts or stops answers.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [{"service": f"deepface.v1.{name}"} for name in ("ClassifierService", "GeneratorService")],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.2s",
                "maxBackoff": "3s",
                "backoffMultiplier": 3,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}


class Replies(Protocol[Reply_co]):
    """An open call with a stream of replies."""

    def __next__(self) -> Reply_co:
        """Returns the next reply."""

    def cancel(self) -> object:
        """Ends the call."""


class Client:
    """A channel to one service. Threads may share it."""

    def __init__(
        self,
        target: str,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        token: str | Callable[[], str] | None = None,
        deadline: float | None = None,
        max_reply_bytes: int = MAX_REPLY_BYTES,
    ) -> None:
        """Makes a client; the first call connects.

        Args:
            target: "host:port", or a URL: "http://host:port" for plain text, "https://host:port" for TLS.
            credentials: For TLS with your own authority or certificate: `grpc.ssl_channel_credentials(...)`.
            token: The token that calls bring, or a function that returns it, which each call asks.
            deadline: Seconds that each call may take, retries included. None: as long as the service lets it.
            max_reply_bytes: Larger replies are refused, with RESOURCE_EXHAUSTED.
        """
        scheme, separator, address = target.partition("://")
        if separator and scheme in ("http", "https"):
            target = address.rstrip("/")
            if scheme == "https" and credentials is None:
                credentials = grpc.ssl_channel_credentials()
            elif scheme == "http" and credentials is not None:
                raise ValueError("http:// is plain text, which has no credentials; use https://")
        options = [
            ("grpc.max_receive_message_length", max_reply_bytes),
            ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
            # gRPC repeats only what it has kept, which is 256 KiB of a call by default: less than a photograph.
            ("grpc.per_rpc_retry_buffer_size", _MAX_REQUEST_BYTES),
            # By default the second attempt to connect comes a second after the first, and the first retries find none.
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.min_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options)
        else:
            self._channel = grpc.secure_channel(target, credentials, options)
        self._token = token
        self._deadline = deadline

    def close(self) -> None:
        """Closes the connection; open calls end with CANCELLED."""
        self._channel.close()

    def __enter__(self) -> Self:
        """Returns the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self.close()

    def _metadata(self) -> tuple[tuple[str, str], ...]:
        token = self._token() if callable(self._token) else self._token
        return () if token is None else (("authorization", f"Bearer {token.strip()}"),)

    def _timeout(self, deadline: float | None) -> float | None:
        return self._deadline if deadline is None else deadline

    def _call(
        self, method: grpc.UnaryUnaryMultiCallable[Request, Reply], request: Request, deadline: float | None
    ) -> Reply:
        with translated():
            return method(request, timeout=self._timeout(deadline), metadata=self._metadata())
