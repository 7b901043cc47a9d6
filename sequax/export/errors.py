"""What is raised where a model cannot be exported."""

from __future__ import annotations


class ExportError(ValueError):
    """A model cannot be written in a format, or what was written computes something else. No file is left.

    Args:
        message: what was met, and what to do.
        layer: path of the layer that computes it, such as `model/dense`; None where no single one does.
        primitive: JAX' name of the operation that the format does not have; None where that is not the reason.
    """

    def __init__(self, message: str, layer: str | None = None, primitive: str | None = None):
        super().__init__(message if layer is None else f"Layer '{layer}': {message}")
        self.layer, self.primitive = layer, primitive


ExportError.__module__ = "sequax.export"
