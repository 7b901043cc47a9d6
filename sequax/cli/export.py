"""`sequax export`: a model's file as a program for other places. Reading a file runs no code of it."""

from __future__ import annotations

import argparse
import os
import warnings
from typing import Any

from ..core.errors import LoadError
from ..saving import models
from . import files


def export(options: argparse.Namespace) -> int:
    """Write `options.target` from `options.source`, whole or not at all; returns the exit code."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _export(options)
    except (OSError, ValueError, TypeError, NotImplementedError, ImportError) as error:
        return files.fail("export", error)
    return 0


def _export(options: argparse.Namespace) -> None:
    if os.path.lexists(options.target) and not options.force:
        raise FileExistsError(f"{options.target!r} exists. Pass --force to replace it.")
    try:
        model = models.load_model(options.source, compile=False)
    except LoadError as error:
        if "custom_objects" not in str(error):
            raise
        raise LoadError(
            f"{error} This command imports nothing; models with own classes or functions are exported in Python:"
            f" `keras.saving.load_model({options.source!r}, custom_objects={{...}}).export({options.target!r})`."
        ) from error
    given: dict[str, Any] = {"batch_size": options.batch_size}
    if options.no_weights:
        given["weights"] = False
    kept = {name: value for name, value in given.items() if value is not None}
    if options.batch_size == 0:  # for formats whose default is a fixed size
        kept["batch_size"] = None
    model.export(options.target, format=options.format, **kept)
