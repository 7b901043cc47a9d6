"""Work that runs ahead in a thread: the next blocks are made while the device computes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.1  # how soon a thread whose reader has gone away notices
_LEAVE_SECONDS = 1.0  # how long a reader that goes away waits for the item that is being made


class _Failed(NamedTuple):
    error: BaseException


_END = object()


def prefetch(items: Iterable[T], ahead: int = 2) -> Iterator[T]:
    """The items in order, made by a thread that is up to `ahead` of them in front.

    An exception comes out in its place, after the items before it. When the reader stops early (closes this iterator,
    or forgets it), the thread stops after the item it is at, and closes `items`.
    """
    ready: queue.Queue[Any] = queue.Queue(maxsize=ahead)
    stopped = threading.Event()

    def put(item: object) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=_POLL_SECONDS)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put(item):
                    return
            put(_END)
        except BaseException as error:
            put(_Failed(error))
        finally:
            if hasattr(source, "close"):
                source.close()

    thread = threading.Thread(target=work, name="sequax-prefetch", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not _END:
            if isinstance(item, _Failed):
                raise item.error
            yield item
    finally:
        stopped.set()
        thread.join(_LEAVE_SECONDS)
