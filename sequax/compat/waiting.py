"""`load_weights("checkpoint")` of a model that is not built: as with TensorFlow's files, it gets them once it is.

The file is read whole, and examined, at once; it is compared with the model when that has its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..core.tensor import is_tensor, leaves
from ..saving import weights
from ..saving.hdf5_reader import File
from ..saving.source import Source
from .notes import note

if TYPE_CHECKING:
    from ..model import Model

_WAITING = "_weights_waiting"


def wait(model: Model, path: str) -> None:
    """Keep the weights of a file for a model until it is built.

    Raises:
        LoadError: if the file is damaged.
    """
    note("load_weights of a model that is not built", "model.build(input_shape) before; they wait for it here")
    with open(path, "rb") as file:
        data = file.read()
    with Source.of(data, None) as opened:
        len(File(opened).datasets)
    vars(model)[_WAITING] = data


def built(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """A method that builds a model, and gives it the weights that wait for that."""

    def build(self: Model, *args: Any, **kwargs: Any) -> None:
        data = vars(self).pop(_WAITING, None)
        original(self, *args, **kwargs)
        if data is not None:
            weights.read_weights(self, data)

    return build


def call(owner: type, original: Callable[..., Any]) -> Callable[..., Any]:
    """The call of a model, which is built by the first one; that one is repeated with the weights that wait for it."""

    def __call__(self: Model, *args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        data = vars(self).pop(_WAITING, None)
        outputs = original(self, *args, **kwargs)
        if data is None:
            return outputs
        weights.read_weights(self, data)
        return outputs if any(map(is_tensor, leaves((args, kwargs)))) else original(self, *args, **kwargs)

    return __call__
