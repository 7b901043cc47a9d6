"""What is raised for configs and files that are refused."""

from __future__ import annotations

_LONGEST = 3000


class LoadError(ValueError):
    """A config or a file was refused. Nothing was changed: no model, no file, no setting of the process.

    Args:
        message: what was found, what was expected, and what to do.
        place: where in the file or config, such as `config.layers[3].config.units`.
    """

    def __init__(self, message: str, place: str | None = None):
        # What it quotes may be a file's one string of a megabyte.
        message = message if len(message) <= _LONGEST else f"{message[: _LONGEST - 500]} ... {message[-400:]}"
        super().__init__(message if place is None else f"{place}: {message}")
        self.place = place

    def at(self, place: str) -> LoadError:
        """The same error with its place, if it has none yet."""
        return self if self.place is not None else type(self)(str(self), place)


class UnknownObjectError(LoadError, TypeError):
    """A config names a class or function that is neither Sequax' own nor a custom object; a TypeError as in Keras."""


class MalformedError(LoadError, TypeError):
    """A part of a config is of another kind than its class takes; a TypeError as in Keras."""


for _error in (LoadError, UnknownObjectError, MalformedError):
    _error.__module__ = "sequax.saving"
