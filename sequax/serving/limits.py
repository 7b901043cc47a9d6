"""`Limits`: what one server does at most."""

from __future__ import annotations

from dataclasses import dataclass, fields

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one server does at most. What is beyond is refused at once, so nobody waits for what will not come.

    Args:
        batch: rows that are predicted together.
        wait: seconds that a request waits for others to come along. With 0 requests go together that arrive while the
            model is at work, which costs a lone request nothing.
        queue: rows that wait for the model; more are answered with 503.
        rows: of one request; more are answered with 413.
        timeout: seconds until a request has arrived whole (else 408), and from there until its answer (else 504).
        body: bytes of one request, or fewer where `rows` rows of a model take fewer; more are answered with 413.
        memory: bytes of all requests that are being read or wait; more are answered with 503.
        connections: that are open at once; more are answered with 503.
        head: seconds in which the head of a request has to arrive, and in which what is sent has to be taken.
        length: of axes that a model leaves open, such as the steps of a sequence; longer ones are answered with 400.
    """

    batch: int = 64
    wait: float = 0.0
    queue: int = 4096
    rows: int = 4096
    timeout: float = 30.0
    body: int = 16 * MEGABYTE
    memory: int = 256 * MEGABYTE
    connections: int = 512
    head: float = 10.0
    length: int = 4096

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.type == "int"
            known = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            least = 0 if field.name == "wait" else 1 if whole else 0.001
            if not known or not least <= value < 1e15:
                kind = "a whole number" if whole else "a number of seconds"
                raise ValueError(f"Limits: {field.name} must be {kind} of at least {least}. Received: {value!r}.")
