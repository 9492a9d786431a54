"""Failed calls as exceptions."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass(frozen=True)
class Violation:
    """A wrong field of a request, and what it expects."""

    field: str
    description: str


class DeepFaceError(Exception):
    """A call that failed, or an image of a request that could not be used.

    Attributes:
        code: gRPC's code.
        message: One line for people.
        violations: The wrong fields of the request, at most the first 8.
        reason: Why, for programs, such as "TOO_MANY_CALLS"; empty if the service did not say.
        retry_after: Seconds after which a retry may help; None if the service did not say.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        violations: tuple[Violation, ...] = (),
        reason: str = "",
        retry_after: float | None = None,
    ) -> None:
        """Makes an error from its parts."""
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.violations = violations
        self.reason = reason
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[type[DeepFaceError], tuple[object, ...]]:
        """Lets errors travel between processes."""
        return DeepFaceError, (self.code, self.message, self.violations, self.reason, self.retry_after)


def from_status(status: status_pb2.Status) -> DeepFaceError:
    """Returns the error that a status of the contract describes."""
    violations: tuple[Violation, ...] = ()
    reason = ""
    retry_after = None
    request, info, retry = error_details_pb2.BadRequest(), error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(request):
            violations = tuple(Violation(v.field, v.description) for v in request.field_violations)
        elif detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            retry_after = retry.retry_delay.ToTimedelta().total_seconds()
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return DeepFaceError(code, status.message, violations, reason, retry_after)


def from_rpc(error: grpc.RpcError) -> DeepFaceError:
    """Returns the error of a call that failed."""
    if not isinstance(error, grpc.Call):
        return DeepFaceError(grpc.StatusCode.UNKNOWN, str(error))
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            try:
                return from_status(status_pb2.Status.FromString(value))
            except DecodeError:
                break  # A proxy's, perhaps: the code and the message are still there.
    return DeepFaceError(error.code(), error.details() or "")


@contextmanager
def translated() -> Iterator[None]:
    """Raises gRPC's errors as ours."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc(error) from error
