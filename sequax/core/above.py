"""Modules above the core which the core loads by name: `sequax/_families.py`, at the top, fills them in.

A config names classes of every family, and a symbolic tensor has methods that are ops. Nothing here imports them, so
imports point one way.
"""

from __future__ import annotations

import importlib
from types import ModuleType

families: dict[str, str] = {}  # public module in configs -> the module of ours that fills its catalogue
modules: dict[str, str] = {}  # role -> module


def load(role: str) -> ModuleType:
    """The module of a role, such as `"ops"`."""
    return importlib.import_module(modules[role])
