"""Batches by number, made by several threads or processes, and given in order."""

from __future__ import annotations

import itertools
import multiprocessing
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any


def batches_by_number(data: Any, numbers: Iterable[int]) -> Iterator[Any]:
    """`data[number]` for each number, in order.

    With `data.workers` above 1 up to `data.max_queue_size` batches are made ahead, by threads, or with
    `data.use_multiprocessing` by processes, each with a copy of `data` made now.

    Raises:
        RuntimeError: if the worker processes cannot run.
    """
    workers = getattr(data, "workers", 1)
    if workers <= 1:
        for number in numbers:
            yield data[number]
        return
    ahead = max(workers, getattr(data, "max_queue_size", 10))
    if getattr(data, "use_multiprocessing", False):
        yield from _by_processes(data, numbers, workers, ahead)
        return
    with ThreadPoolExecutor(workers, "sequax-worker") as pool:
        yield from _in_order(pool, data.__getitem__, numbers, ahead)


def _in_order(pool: Executor, make: Callable[[int], Any], numbers: Iterable[int], ahead: int) -> Iterator[Any]:
    """Results in the order of the numbers, while later ones are being made."""
    waiting: deque[Future] = deque()
    numbers = iter(numbers)
    try:
        waiting.extend(pool.submit(make, number) for number in itertools.islice(numbers, ahead))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(make, number) for number in itertools.islice(numbers, 1))
            yield made
    finally:
        for future in waiting:
            future.cancel()


def _by_processes(data: Any, numbers: Iterable[int], workers: int, ahead: int) -> Iterator[Any]:
    # Not forked: a fork copies the locks of JAX' threads in whatever state they are.
    context = multiprocessing.get_context("spawn")
    try:
        packed = pickle.dumps(data)
    except Exception as error:
        raise RuntimeError(
            f"{type(data).__name__}(use_multiprocessing=True) goes to its worker processes by pickle, which fails:"
            f" {error}. Define the class at the top of a module, and open files in `__getitem__`."
        ) from error
    try:
        with ProcessPoolExecutor(workers, context, _receive, (packed,)) as pool:
            yield from _in_order(pool, _make, numbers, ahead)
    except BrokenProcessPool as error:
        raise RuntimeError(
            f"A worker process of {type(data).__name__}(use_multiprocessing=True) ended. Worker processes import your"
            f" script anew: put what it runs under `if __name__ == '__main__':`, or use threads"
            f" (use_multiprocessing=False)."
        ) from error


_received: Any = None  # in a worker process: its copy of the data


def _receive(packed: bytes) -> None:
    global _received
    _received = pickle.loads(packed)


def _make(number: int) -> Any:
    return _received[number]
