"""Every program of a model lowered for a platform that need not be there, and none compiled.

Inside `for_platform("cuda")`, `fit`, `evaluate` and `predict` trace their programs as they would on a GPU, have JAX
lower them for it, and then go on with ones in place of results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import jax
import numpy as np

import sequax
from sequax.training import compiled

from .loops.keras import compile_
from .workload import Habit, find

ROWS, BATCH = 10, 4  # two whole batches and a short one


class Lowered:
    """A function as `Request.jitted` gives it, that is lowered for a platform and compiles to nothing."""

    def __init__(self, function: Any, platform: str, texts: list[str]) -> None:
        self.function, self.platform, self.texts = function, platform, texts

    def lower(self, *examples: Any) -> Lowered:
        traced = self.function.trace(*examples)
        self.texts.append(traced.lower(lowering_platforms=(self.platform,)).as_text())
        self.results = traced.out_info
        return self

    def compile(self, options: Any = None) -> Callable[..., Any]:
        results = self.results
        return lambda *arguments: jax.tree.map(lambda one: jax.device_put(np.ones(one.shape, one.dtype)), results)


@contextmanager
def for_platform(platform: str) -> Iterator[list[str]]:
    """Gives the list of the programs lowered so far, as text."""
    texts: list[str] = []
    jitted = compiled.Request.jitted
    backend = "gpu" if platform in ("cuda", "rocm") else platform
    compiled.clear()
    try:
        with (
            mock.patch.object(compiled.Request, "jitted", lambda request: Lowered(jitted(request), platform, texts)),
            mock.patch.object(jax, "default_backend", lambda: backend),  # some choices fall while a program is traced
        ):
            yield texts
    finally:
        compiled.clear()


def programs_of(name: str, platform: str) -> list[str]:
    """Those of a workload or work: `fit`, `evaluate` and `predict` of a few rows; of a habit, one turn."""
    what = find(name)
    with for_platform(platform) as texts:
        if isinstance(what, Habit):
            what.make(sequax)()
        else:
            x, y = jax.tree.map(lambda part: part[:ROWS], what.data())
            model = what.keras(sequax)
            compile_(sequax, model, what)
            model.fit(x, y, batch_size=BATCH, verbose=0)
            model.evaluate(x, y, batch_size=BATCH, verbose=0)
            model.predict(x, batch_size=BATCH, verbose=0)
    return texts
