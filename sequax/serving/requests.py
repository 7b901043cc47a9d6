"""Bodies of requests, read within limits of size, time, and memory of all together."""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.requests import ClientDisconnect, Request

from .limits import Limits
from .refused import Refused, bad, busy, too_large

_TWO_LENGTHS = "The head has both Content-Length and Transfer-Encoding. Send one of them."
GONE = 499  # for the metrics; the client that closed the connection reads nothing


class Memory:
    """Bytes of all requests that are on their way."""

    def __init__(self, limits: Limits):
        self.limits = limits
        self.held = 0


class Body:
    """The body of a request, whose bytes count until the request is answered.

    Args:
        request: from which it is read.
        memory: in which it counts.
        most: bytes that it may have.
    """

    __slots__ = ("_bytes", "_memory", "_most", "_request")

    def __init__(self, request: Request, memory: Memory, most: int):
        self._request, self._memory, self._most, self._bytes = request, memory, most, 0

    def __enter__(self) -> Body:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._memory.held -= self._bytes

    async def read(self, media: tuple[str, ...]) -> bytes | bytearray:
        """All of it.

        Args:
            media: types that are taken; a body of no named type is, too.

        Raises:
            Refused: for another type, too large a body, or one that does not arrive.
        """
        headers = self._request.headers
        if "transfer-encoding" in headers and "content-length" in headers:  # a server in front may count the other one
            raise Refused(400, _TWO_LENGTHS, "invalid", {"Connection": "close"})
        given = headers.get("content-type")
        if given is not None and given.partition(";")[0].strip().lower() not in media:
            raise Refused(415, f"The body must be {' or '.join(media)}.", "media")
        coding = headers.get("content-encoding", "identity").strip().lower()
        if coding != "identity":
            raise Refused(415, "The body is compressed. Send it as it is.", "media", {"Accept-Encoding": "identity"})
        self._refuse_size(headers.get("content-length"))
        try:
            async with asyncio.timeout(self._memory.limits.timeout):
                return await self._parts()
        except TimeoutError:
            raise Refused(408, "The body did not arrive in time.", "slow", {"Connection": "close"}) from None
        except ClientDisconnect:
            raise Refused(GONE, "", "gone") from None

    def _refuse_size(self, announced: str | None) -> None:
        if announced is not None and announced.isascii() and announced.isdecimal():
            # int() of very many digits raises
            if len(announced) > 18 or int(announced) > self._most:
                raise too_large(self._too_large)
        elif announced is not None:
            raise bad("Content-Length is no number of bytes.")

    @property
    def _too_large(self) -> str:
        return f"The body is larger than {self._most:,} bytes. Send fewer rows at once."

    async def _parts(self) -> bytes | bytearray:
        first = await self._next()
        if not first.get("more_body"):
            return first.get("body", b"")
        whole = bytearray(first.get("body", b""))
        more = True
        while more:
            message = await self._next()
            whole += message.get("body", b"")
            more = message.get("more_body", False)
        return whole

    async def _next(self) -> dict:
        message = await self._request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        size = len(message.get("body", b""))
        self._bytes += size
        self._memory.held += size
        if self._bytes > self._most:
            raise too_large(self._too_large)
        if self._memory.held > self._memory.limits.memory:
            raise busy("Too many bytes are on their way already. Ask again in a moment.")
        return dict(message)
