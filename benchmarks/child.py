"""The process that runs one workload with one library: `python -m benchmarks.child WORKLOAD PEER`.

It reads requests from standard input, one JSON object a line, and answers each with one line of JSON. Whatever the
library prints goes to standard error. While it waits for a request it uses no processor.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import sys
import time
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import numpy as np

from .loops import Run
from .peers import PEERS, Peer
from .workload import Habit, Workload, find


class Session:
    """One model of one library, and what can be asked of it."""

    def __init__(self, workload: Workload | Habit, peer: Peer) -> None:
        self.workload, self.peer = workload, peer

    def start(self) -> dict[str, Any]:
        if isinstance(self.workload, Habit):
            self.run = Run(self.workload.make(import_module(self.peer.module)))
        else:
            loop = import_module(f"benchmarks.loops.{self.peer.loop}")
            self.x, y = self.workload.data()
            self.run = loop.make(self.workload, self.x, y, self.peer.module)
        gc.collect()
        forget_peak()  # making the data is no part of the library's memory
        return {"ready": True, "versions": versions(self.peer)}

    def fit(self) -> dict[str, Any]:
        seconds, loss = clock(self.run.fit)
        return {"seconds": seconds, "loss": float(loss), "peak_mb": peak_mb()}

    def predict(self, rows: int, calls: int) -> dict[str, Any]:
        """The median of so many calls; rows beyond those of the data repeat them."""
        x = np.resize(self.x, (rows, *self.x.shape[1:]))
        times = [clock(self.run.predict, x)[0] for _ in range(calls)]
        return {"seconds": statistics.median(times), "peak_mb": peak_mb()}

    def work(self, lasting: float) -> dict[str, Any]:
        """Turns of at least so long, told by their median; then the same for predictions of the whole data."""
        seconds, loss = turns(lasting, self.run.fit)
        answer = {"seconds": seconds} | ({} if isinstance(self.workload, Habit) else {"loss": float(loss)})
        if self.run.predict:
            answer["predict"], _ = turns(lasting, self.run.predict, self.x)
        return answer | {"peak_mb": peak_mb()}

    def search(self, times: int, of: int) -> dict[str, Any]:
        """`times` small fits, told as the time of `of` fits."""
        return {"seconds": clock(self.run.search, times)[0] * of / times, "peak_mb": peak_mb()}


def clock(function: Any, *arguments: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    value = function(*arguments)
    return time.perf_counter() - start, value


def turns(lasting: float, function: Any, *arguments: Any) -> tuple[float, Any]:
    times: list[float] = []
    while not times or sum(times) < lasting:
        seconds, value = clock(function, *arguments)
        times.append(seconds)
    return statistics.median(times), value


def forget_peak() -> None:
    """Linux can begin the high-water mark anew; elsewhere it holds the making of the data, for every library."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        print("The peak memory includes the making of the data.", file=sys.stderr)


def peak_mb() -> float:
    """Resident high-water mark. Not `ru_maxrss` on Linux: that begins with the memory of the parent process."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        unit = 1e6 if sys.platform == "darwin" else 1e3
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def device_mb(peer: Peer) -> float | None:
    """Most of a GPU's memory that the library has held; None without one, or where it does not say."""
    if "torch" in (peer.loop, peer.backend):
        import torch

        return torch.cuda.max_memory_allocated() / 1e6 if torch.cuda.is_available() else None
    if "jax" not in sys.modules or peer.backend == "tensorflow":
        return None
    import jax

    device = jax.local_devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    return stats["peak_bytes_in_use"] / 1e6 if stats else None


def versions(peer: Peer) -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for name in peer.distributions:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def answer(session: Session, request: dict[str, Any]) -> dict[str, Any]:
    what = request.pop("do")
    try:
        gc.collect()
        found = getattr(session, what)(**request)
        peak = device_mb(session.peer)
        return found if peak is None else found | {"device_mb": peak}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    session = Session(find(sys.argv[1]), PEERS[sys.argv[2]])
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "stop":
            break
        print(json.dumps(answer(session, request)), file=answers, flush=True)


if __name__ == "__main__":
    main()
