"""TensorFlow's inner modules as far as libraries built on Keras ask them: for seeds, and to make a run repeatable.

SciKeras' `random_state` is one of them: it notes the seed of before, sets its own, and puts the former back.
"""

from __future__ import annotations

from typing import Any

from ...core import rng
from .member import Member


class Graph:
    """What `get_default_graph` returns; nothing is put into it."""

    @property
    def seed(self) -> dict[str, Any]:
        return rng.state()


def _is_determinism_enabled() -> bool:
    """Always: a run of the same program with the same seeds repeats itself."""
    return True


def _nothing() -> None:
    """A setting that has no counterpart."""


MEMBERS: dict[str, Member] = {
    "python.eager.context.executing_eagerly": Member(lambda: True),
    "python.eager.context.global_seed": Member(rng.state),
    "python.framework.config.disable_op_determinism": Member(_nothing),
    "python.framework.config.enable_op_determinism": Member(_nothing),
    "python.framework.config.is_op_determinism_enabled": Member(_is_determinism_enabled),
    "python.framework.ops.get_default_graph": Member(Graph),
}
