"""Who is measured: each peer's environment, variables, and the loop that trains it."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Peer(NamedTuple):
    name: str
    title: str
    loop: str  # module of `loops`, and the field of `Workload` that holds the model
    module: str  # what a user imports
    distributions: tuple[str, ...]  # whose versions are told
    environment: str = ""  # empty: the environment that runs the benchmarks
    backend: str = ""  # of Keras

    def python(self) -> Path:
        """The interpreter; SEQUAX_BENCH_PEERS names another folder for the environments than the repository."""
        if not self.environment:
            return Path(sys.executable)
        folder = os.environ.get("SEQUAX_BENCH_PEERS")
        home = Path(folder) / self.environment if folder else ROOT / f".venv-{self.environment}"
        return home / "bin" / "python"

    def missing(self) -> str | None:
        """Why this peer cannot run here, or None."""
        if self.environment:
            return None if self.python().exists() else "not installed, `make bench-peers`"
        return None if find_spec(self.module.partition(".")[0]) else "not installed, `make bench`"

    def variables(self, cache: str) -> dict[str, str]:
        """The environment of its processes; `cache` is where Sequax keeps compiled programs."""
        # Installed packages are byte-compiled; the repository has to be, too, or its imports would be compilations.
        dropped = ("JAX_COMPILATION_CACHE_DIR", "XLA_FLAGS", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        ours = {"SEQUAX_CACHE": cache, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONUNBUFFERED": "1"}
        return kept | ours | ({"KERAS_BACKEND": self.backend} if self.backend else {})


_PEERS = (
    Peer("sequax", "Sequax", "keras", "sequax", ("sequax", "jax", "numpy")),
    Peer("keras-jax", "Keras, JAX", "keras", "keras", ("keras", "jax", "numpy"), backend="jax"),
    Peer(
        "keras-tensorflow",
        "Keras, TensorFlow",
        "keras",
        "keras",
        ("keras", "tensorflow", "tensorflow-cpu", "numpy"),
        "tensorflow",
        "tensorflow",
    ),
    Peer("keras-torch", "Keras, PyTorch", "keras", "keras", ("keras", "torch", "numpy"), "torch", "torch"),
    Peer("torch", "PyTorch", "torch", "torch", ("torch", "numpy"), "torch"),
    Peer("jax", "JAX, optax", "jax", "jax", ("jax", "optax", "numpy")),
    Peer("flax", "Flax", "flax", "flax.nnx", ("flax", "jax", "optax", "numpy"), "flax"),
    Peer("sklearn", "scikit-learn", "sklearn", "sklearn.neural_network", ("scikit-learn", "numpy")),
)
PEERS = {peer.name: peer for peer in _PEERS}
KERAS = tuple(peer.name for peer in _PEERS if peer.module == "keras")
