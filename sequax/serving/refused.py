"""`Refused`: a request that is answered with a sentence in place of a prediction."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """A request that gets no prediction.

    Args:
        status: of the answer in HTTP.
        message: what the client reads; it says what to do.
        reason: one word for the metrics.
        headers: of the answer.
    """

    def __init__(self, status: int, message: str, reason: str, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status, self.message, self.reason, self.headers = status, message, reason, dict(headers or {})


def bad(message: str) -> Refused:
    """What the client sent cannot be understood, or does not fit the model."""
    return Refused(400, message, "invalid")


def too_large(message: str) -> Refused:
    return Refused(413, message, "size")


def busy(message: str) -> Refused:
    return Refused(503, message, "busy", {"Retry-After": "1"})


def late(message: str) -> Refused:
    return Refused(504, message, "time")
