"""Packages that Sequax works with where they are installed, also while an import hook serves their names to scripts."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.machinery import PathFinder

# Names that a hook serves, each with a context in which imports of it find the package itself.
served: dict[str, Callable[[], AbstractContextManager[None]]] = {}


def is_installed(package: str) -> bool:
    """Whether a package itself is there."""
    find = PathFinder.find_spec if package in served else importlib.util.find_spec
    return find(package) is not None


@contextmanager
def themselves(packages: Iterable[str]) -> Iterator[None]:
    """Inside, imports of these names find the packages, whatever stands in for them elsewhere.

    Raises:
        ImportError: if a package does not load.
    """
    with ExitStack() as stack:
        for package in packages:
            if package in served:
                stack.enter_context(served[package]())
        yield
