"""Scopes for code written with `with`: names, devices, symbolic stages."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import jax

from .core import names, scope


class name_scope:
    """Puts a name before the paths of the variables that are made inside.

    Args:
        name: without `/`.
        caller, deduplicate, override_parent: Keras' own bookkeeping, which is not needed here; only None and defaults.

    >>> from sequax import Variable
    >>> with name_scope("outer"):
    ...     print(Variable(1.0, name="v").path)
    outer/v
    """

    caller: object
    deduplicate: bool
    override_parent: None

    def __init__(self, name: str, caller: object = None, deduplicate: bool = True, override_parent: str | None = None):
        self.name: str = names.check_name(name, "name_scope")
        if override_parent is not None:
            raise NotImplementedError("name_scope: `override_parent` is not supported. Leave it out.")
        self.caller, self.deduplicate, self.override_parent = caller, deduplicate, override_parent

    def __enter__(self) -> name_scope:
        self._entered = scope.named(self)
        self._entered.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._entered.__exit__(*error)


class SymbolicScope:
    """Marks code that handles symbolic tensors. Sequax tells them by their class, so that nothing changes inside."""

    def __enter__(self) -> SymbolicScope:
        return self

    def __exit__(self, *error: object) -> None:
        return None


def device(device_name: str | jax.Device) -> AbstractContextManager[jax.Device | None]:
    """Where arrays and variables made inside lie, and where computations on them run.

    Args:
        device_name: such as `"cpu"`, `"cpu:0"` or `"gpu:1"`, or a `jax.Device`.

    Raises:
        ValueError: for a device that this machine does not have.

    >>> with device("cpu:0"):
    ...     pass
    """
    if isinstance(device_name, jax.Device):
        return jax.default_device(device_name)
    if not isinstance(device_name, str):
        raise ValueError(f"device: expected a name like 'gpu:0' or a jax.Device. Received: device_name={device_name!r}")
    kind, _, number = device_name.lower().partition(":")
    try:
        return jax.default_device(jax.devices(kind)[int(number or 0)])
    except (RuntimeError, ValueError, IndexError):
        known = [f"{d.platform}:{d.id}" for d in jax.devices()]
        raise ValueError(f"device: there is no device {device_name!r} on this machine. It has: {known}") from None
