"""What is served: a model with named inputs and outputs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import jax
import numpy as np

from ..core.tensor import leaves, map_structure
from ..data import checks
from ..data.prepare import prediction_inputs
from ..training import alone, custom, data_spec
from ..training.predict import Predictor, predictor
from .ports import Port
from .refused import bad

if TYPE_CHECKING:
    from ..model import Model

Arrays = list[np.ndarray]
# Products of NumPy with more multiplications than these wake threads of its library, which wait for each other by
# spinning. Where something else uses the processors, as a server does, 64 rows of 128 units then took 60 ms, not 0.1.
_SMALL = 1 << 18
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Servable(Protocol):
    """What a server needs of a model.

    Attributes:
        name: in addresses.
        inputs, outputs: in the order of the arrays.
        platform: in whose format it is.
        together: whether rows of several requests may be in one batch, as no row changes the outputs of another.
        any_size: whether a batch of any number of rows costs no more than its rows: nothing is compiled for it.
    """

    name: str
    inputs: list[Port]
    outputs: list[Port]
    platform: str
    together: bool
    any_size: bool

    def prepared(self, arrays: Arrays) -> Arrays:
        """Data of one request as batches are made of them.

        Raises:
            Refused: for data that do not fit the model.
        """

    def run(self, arrays: Arrays) -> Arrays:
        """Outputs of a batch of prepared data.

        Raises:
            Refused: for data that do not fit the model.
        """

    def as_html(self) -> str:
        """A table of what it is made of."""


class ServedModel:
    """A model of this package. Changes of its weights are seen: predictions are made with those it has.

    Args:
        model: with known inputs.
        name: in addresses; None: that of the model.
        together: see `Servable`; None: only where the layers are known to leave rows alone.

    Raises:
        ValueError: for a model whose inputs nobody knows.
    """

    platform = "sequax"

    def __init__(self, model: Model, name: str | None = None, together: bool | None = None):
        if model.symbolic_inputs is None:
            raise ValueError(
                f"Model '{model.name}' does not say which inputs it takes. Put it into one that does: x ="
                f" keras.Input(shape); model = keras.Model(x, model(x))."
            )
        self.model, self.name = model, checked_name(model.name if name is None else name)
        symbols = leaves(model.symbolic_inputs)
        self.inputs = [Port(t.name, tuple(t.shape), t.dtype) for t in symbols]
        if isinstance(model.symbolic_inputs, Mapping):  # clients know them by these names
            names = sorted(model.symbolic_inputs)
            self.inputs = [port._replace(name=name) for port, name in zip(self.inputs, names, strict=True)]
        outputs = zip(model.output_names, leaves(model.symbolic_outputs), strict=True)
        self.outputs = [Port(name, tuple(t.shape), t.dtype) for name, t in outputs]
        inside = model.compiled_part
        host_only = model.begins_on_host and model.runs_on_host
        self.any_size = host_only
        known = host_only or (not custom.of(model).predict and alone.layers(inside, training=False))
        self.together = known if together is None else together
        self._host_only = host_only
        self._structure: Any = None  # of prepared data
        self._usual: Predictor | None = None
        self._compiled: Predictor | None = None  # in place of the usual one where that computes in NumPy
        sizes = [math.prod(weight.shape) for weight in model.weights]
        self._few = _SMALL // max(1, *sizes) if sizes else 0

    def prepared(self, arrays: Arrays) -> Arrays:
        x = self._nested(arrays)
        if predictor(self.model).takes(x):
            return arrays
        try:
            found = x if self._host_only else prediction_inputs(data_spec.of(self.model), x)
        except (ValueError, TypeError) as error:
            raise bad(_for_clients(error)) from None
        parts, self._structure = jax.tree.flatten(found)
        return [np.asarray(part) for part in parts]

    def run(self, arrays: Arrays) -> Arrays:
        try:
            if self._host_only:
                return leaves(self.model.predict_on_batch(self._nested(arrays)))
            x = self._nested(arrays) if self._structure is None else jax.tree.unflatten(self._structure, arrays)
            return leaves(self._forward(len(arrays[0])).one(x))
        except ValueError as error:
            raise bad(_for_clients(error)) from None

    def _forward(self, rows: int) -> Predictor:
        """What makes the predictions. The model is asked each time, as it may have changed."""
        usual = predictor(self.model)
        if usual.in_numpy is None or rows <= self._few:
            return usual
        if self._compiled is None or self._usual is not usual:
            self._usual, self._compiled = usual, Predictor(self.model, usual.key)
            self._compiled.in_numpy = None
        return self._compiled

    def as_html(self) -> str:
        from ..utils import model_html

        return model_html.of_model(self.model)

    def _nested(self, arrays: Arrays) -> Any:
        symbols = self.model.symbolic_inputs
        if len(arrays) == 1 and not isinstance(symbols, (Mapping, list, tuple)):
            return arrays[0]
        values = iter(arrays)
        return map_structure(lambda _: next(values), symbols)


def checked_name(name: str) -> str:
    """A name that can stand in an address.

    Raises:
        ValueError: for another one.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"A served model's name has letters, digits, '.', '_', '-', at most 100. Received: {name!r}.")
    return name


def example(ports: Sequence[Port], rows: int) -> Arrays:
    """Data of the right shapes and dtypes: zeros, and empty texts."""
    return [
        np.full([rows, *(1 if size is None else size for size in port.shape[1:])], "" if port.is_text else 0).astype(
            object if port.is_text else port.dtype
        )
        for port in ports
    ]


def _for_clients(error: BaseException) -> str:
    """A message without the advice that only who runs the server can take."""
    return str(error).replace(checks.SWITCH, "").strip()
