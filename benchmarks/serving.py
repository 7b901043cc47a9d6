"""`sequax serve` beside FastAPI with a `predict` per request, and beside onnxruntime with a `session.run` per request.

    python -m benchmarks.serving [--requests 10000] [--clients 64] [--rounds 3] [--json FILE]

The same model, the same JSON, uvicorn with the same parser and event loop, one process each; the clients are one more
process with as many connections, each of which asks again as soon as it has its answer. Servers are measured in turns,
and what counts are ratios of medians within one run. Answers are compared first. FastAPI and onnxruntime are left out,
by name, where they are not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Run(NamedTuple):
    """What one server did."""

    per_second: float
    p50: float  # milliseconds
    p99: float
    cpu: float = float("nan")  # milliseconds of processors per request, where Linux tells


# --- servers, each in a process of its own ---


def serve_ours(path: Path) -> None:
    from sequax.cli import main

    main(["serve", str(path), "--port", "0"])


def serve_fastapi(path: Path) -> None:
    import sequax as keras

    model = keras.models.load_model(path, compile=False)
    _run_fastapi(lambda x: model.predict(x, verbose=0))


def serve_onnxruntime(path: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path.with_suffix(".onnx")), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    _run_fastapi(lambda x: session.run(None, {name: x})[0])


def _run_fastapi(predict: Callable[[np.ndarray], np.ndarray]) -> None:
    """As tutorials write it: a function per request, in FastAPI's threads."""
    import socket

    import fastapi
    import uvicorn

    app = fastapi.FastAPI()

    def answer(instances: list[Any] = fastapi.Body(embed=True)) -> dict[str, Any]:  # noqa: B008 -- FastAPI's way
        return {"predictions": predict(np.asarray(instances, "float32")).tolist()}

    app.post("/predict")(answer)
    listening = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


SERVERS: dict[str, tuple[Callable[[Path], None], tuple[str, ...]]] = {
    "sequax serve": (serve_ours, ("starlette", "uvicorn", "prometheus_client")),
    "FastAPI, predict": (serve_fastapi, ("fastapi", "uvicorn")),
    "FastAPI, onnxruntime": (serve_onnxruntime, ("fastapi", "uvicorn", "onnxruntime", "onnx")),
}


# --- models ---


def mlp() -> Any:
    from sequax import Input, Sequential, layers

    return Sequential([Input((64,)), layers.Dense(128, "relu"), layers.Dense(128, "relu"), layers.Dense(10, "softmax")])


def convnet() -> Any:
    from sequax import Input, Sequential, layers

    convolutions = [layers.Conv2D(n, 3, activation="relu") for n in (16, 32)]
    first, second = ([one, layers.MaxPooling2D()] for one in convolutions)
    return Sequential([Input((28, 28, 1)), *first, *second, layers.Flatten(), layers.Dense(10, "softmax")])


def gru() -> Any:
    from sequax import Input, Sequential, layers

    return Sequential([Input((40, 8)), layers.GRU(64), layers.Dense(10, "softmax")])


MODELS = {"MLP, 64 inputs": mlp, "convnet, 28 x 28": convnet, "GRU, 40 steps": gru}


# --- clients ---


class Client(asyncio.Protocol):
    """One connection, which asks until nothing is left to ask."""

    def __init__(self, request: bytes, left: list[None], times: list[float], done: asyncio.Future[None]):
        self.request, self.left, self.times, self.done = request, left, times, done
        self.received = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        if not self.left:
            self.transport.close()
            self.done.set_result(None)
            return
        self.left.pop()
        self.start = time.perf_counter()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        if b" 200 " not in head[:20]:
            self.done.set_exception(RuntimeError(self.received.decode(errors="replace")))
            self.transport.close()
            return
        self.times.append(time.perf_counter() - self.start)
        self.received = b""
        self.ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"The server closed a connection: {error}"))


async def _load(port: int, body: bytes, requests: int, clients: int) -> Run:
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
    request = head.format(len(body)).encode() + body
    loop = asyncio.get_running_loop()
    left, times = [None] * requests, list[float]()
    done = [loop.create_future() for _ in range(clients)]
    start = time.perf_counter()
    for one in done:
        await loop.create_connection(lambda one=one: Client(request, left, times, one), "127.0.0.1", port)
    await asyncio.gather(*done)
    seconds = time.perf_counter() - start
    return Run(requests / seconds, *(1000 * float(np.percentile(times, part)) for part in (50, 99)))


class Server:
    """A server in a process of its own."""

    def __init__(self, name: str, path: Path):
        command = [sys.executable, "-m", "benchmarks.serving", "--serve", name, str(path)]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout is not None
        found = ADDRESS.search(self.child.stdout.readline())
        if found is None:
            raise SystemExit(f"{name} did not start.")
        self.port = int(found[1])

    def load(self, body: bytes, requests: int, clients: int) -> Run:
        before = self._cpu()
        run = asyncio.run(_load(self.port, body, requests, clients))
        return run._replace(cpu=1000 * (self._cpu() - before) / requests)

    def _cpu(self) -> float:
        """Seconds of all threads so far."""
        try:
            ticks = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        except OSError:
            return float("nan")
        return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.child.terminate()
        self.child.communicate()


# --- the comparison ---


def compared(make: Callable[[], Any], names: list[str], requests: int, clients: int, rounds: int) -> dict[str, Run]:
    """Medians over the rounds by server, which take turns."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        model = make()
        model.save(path)
        if any("onnx" in name for name in names):
            from sequax.export.onnx import to_onnx

            path.with_suffix(".onnx").write_bytes(to_onnx(model).SerializeToString())
        x = np.random.default_rng(0).normal(size=(1, *model.input_shape[1:])).astype("float32")
        body = json.dumps({"instances": x.round(3).tolist()}).encode()
        expected = model.predict(np.array(json.loads(body)["instances"], "float32"), verbose=0)
        servers = {name: Server(name, path) for name in names}
        try:
            for name, server in servers.items():
                _check(name, server.port, body, expected)
                server.load(body, max(clients, requests // 10), clients)  # warm
            runs: dict[str, list[Run]] = {name: [] for name in names}
            for turn in range(rounds):
                for name in names[turn % len(names) :] + names[: turn % len(names)]:
                    runs[name].append(servers[name].load(body, requests, clients))
        finally:
            for server in servers.values():
                server.close()
    return {name: Run(*map(statistics.median, zip(*found, strict=True))) for name, found in runs.items()}


def _check(name: str, port: int, body: bytes, expected: np.ndarray) -> None:
    from urllib.request import Request, urlopen

    request = Request(f"http://127.0.0.1:{port}/predict", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        np.testing.assert_allclose(json.load(answer)["predictions"], expected, rtol=1e-4, atol=1e-6, err_msg=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        name, path = options.serve
        return SERVERS[name][0](Path(path))
    absent = {name: [p for p in needs if importlib.util.find_spec(p) is None] for name, (_, needs) in SERVERS.items()}
    for name, packages in absent.items():
        if packages:
            print(f"left out: {name} ({', '.join(packages)} not installed)")
    names = [name for name, packages in absent.items() if not packages]
    found = {}
    for title, make in MODELS.items():
        found[title] = runs = compared(make, names, options.requests, options.clients, options.rounds)
        print(f"\n{title}: {options.requests:,} requests of one row, {options.clients} clients")
        own = runs[names[0]]
        for name, run in runs.items():
            ratio = f"{own.per_second / run.per_second:5.2f} x as many, p99 {own.p99 / run.p99:5.2f} of it"
            line = f"  {name:<22} {run.per_second:8,.0f}/s  p50 {run.p50:7.1f} ms  p99 {run.p99:7.1f} ms"
            line += f"  {run.cpu:6.3f} ms of processor"
            print(line + (f"   sequax serve: {ratio}" if run is not own else ""), flush=True)
    if options.json:
        options.json.write_text(json.dumps({t: {n: r._asdict() for n, r in runs.items()} for t, runs in found.items()}))


if __name__ == "__main__":
    main()
