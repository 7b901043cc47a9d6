"""The environment of a run: before anything imports JAX, Keras or Sequax."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np

# Nearly all the time of a case goes into compiling programs that run a few times.
XLA_FLAGS = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)


def set_environment() -> None:
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    os.environ.setdefault("SEQUAX_CACHE", "off")
    flags = os.environ.get("XLA_FLAGS", "")
    more = [flag for flag in XLA_FLAGS if flag.split("=")[0] not in flags]
    os.environ["XLA_FLAGS"] = " ".join([flags, *more]).strip()


@contextmanager
def quick_initializers(*libraries: Any) -> Iterator[None]:
    """Random initializers draw with NumPy: to compile a draw for each shape takes longer than the rest of a model."""
    with ExitStack() as stack:
        for library in libraries:
            for initializer in [getattr(library.initializers, name) for name in dir(library.initializers)]:
                if isinstance(initializer, type) and "seed" in inspect.signature(initializer).parameters:
                    stack.enter_context(mock.patch.object(initializer, "__call__", drawn))
        yield


def drawn(self: Any, shape: Any, dtype: Any = None, **layout: Any) -> np.ndarray:
    return np.random.default_rng(0).normal(size=shape).astype(dtype or "float32")
