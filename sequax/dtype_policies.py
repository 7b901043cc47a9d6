"""Public namespace `keras.dtype_policies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._lazy import listed
from .core.dtypes import DTypePolicy, FloatDTypePolicy, catalogue, get
from .core.policy_map import DTypePolicyMap
from .core.quantized_policies import (
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
)


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """The config of a dtype policy."""
    return catalogue.serialize(dtype_policy)


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> DTypePolicy:
    """A dtype policy from its config.

    Args:
        config: what `serialize` returned.
        custom_objects: classes of your own by name.
    """
    return catalogue.deserialize(config, custom_objects)


__path__: list[str] = []  # Python asks for a module where a package lacks a name, and `_absent.Finder` answers

__all__ = [
    "AWQDTypePolicy", "DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy", "GPTQDTypePolicy", "Int4DTypePolicy",
    "QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy", "deserialize", "get", "serialize",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
