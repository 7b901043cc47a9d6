"""What tapes take no notes of: methods whose results leave JAX, such as `predict` in the block of a tape."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .recording import unrecorded

METHODS = ("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch")


def unwatched(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method during which nothing is noted."""

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        with unrecorded():
            return method(*args, **kwargs)

    return call
