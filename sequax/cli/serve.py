"""`sequax serve`: models of files behind HTTP. Reading a file runs no code of it."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from ..saving import models
from . import files


def serve(options: argparse.Namespace) -> int:
    """Serve until the process is told to stop; returns the exit code."""
    try:
        from .. import serving

        served = _named(options.files)
        serving.serve(
            served,
            options.host,
            options.port,
            limits=serving.Limits(**_limits(options)),
            together=options.together or None,
            hosts=options.allow_host or None,
            started=lambda address: _tell(address, list(served), options),
        )
    except (OSError, ValueError, TypeError, NotImplementedError, ImportError) as error:
        return files.fail("serve", error)
    return 0


def _named(given: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        name, equals, path = text.partition("=")
        if not equals or Path(text).exists():
            name, path = _name_of(text), text
        if name in found:
            raise ValueError(f"Two models are called '{name}'. Name one of them: NAME={path}.")
        found[name] = loaded(path, name)
    return found


def loaded(path: str, name: str) -> Any:
    """The model of a file, whole or exported."""
    ending = Path(path).suffix.lower()
    if ending not in (".stablehlo", ".onnx"):
        return models.load_model(path, compile=False)
    from ..export import load
    from ..serving.artifacts import ServedArtifact

    return ServedArtifact(load(path), name, platform=ending[1:])


def _name_of(path: str) -> str:
    """The name of a file without its ending, in characters that an address takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", Path(path).stem).strip("-._") or "model"


def _limits(options: argparse.Namespace) -> dict[str, Any]:
    given = {name: getattr(options, name) for name in ("batch", "queue", "timeout", "length")}
    given["wait"] = None if options.wait is None else options.wait / 1000
    given["body"] = None if options.body is None else options.body << 20
    return {name: value for name, value in given.items() if value is not None}


def _tell(address: str, names: list[str], options: argparse.Namespace) -> None:
    print(f"Serving {', '.join(names)} at {address} (Ctrl+C ends it)", flush=True)
    if options.host not in ("127.0.0.1", "localhost", "::1"):
        print("Whoever reaches this address may ask: there is no password and no encryption.", flush=True)
