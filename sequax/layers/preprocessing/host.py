"""`HostLayer`: a layer that runs in NumPy on the host, before the compiled part of a model.

Compiled programs hold numbers only, so layers that take strings (or whole numbers wider than the device computes with)
stand at the front: first in a `Sequential`, or directly behind an `Input` of a graph. `sequax/host_prefix.py` runs them
there on whole arrays, once per call of `fit`, `evaluate` or `predict`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from ...core import shapes
from ...core.kinds import Kind
from ...core.layer import Layer
from ...core.tensor import KerasTensor, is_tensor, leaves, shape_of
from ...core.types import Symbols, Tensor


class TokenOf(Kind):
    """A string or a whole number, as it came."""

    expected = "a string or a number"

    def fits(self, value: object, cls: type) -> bool:
        return value is None or isinstance(value, (str, int, float, Mapping))  # a mapping: bytes in a file


Token = Annotated[Any, TokenOf()]


class HostLayer(Layer):
    """A layer on the host. A subclass has `read` (user data to arrays), `call` (in NumPy) and `compute_output_shape`.

    Called on data it gives device arrays at once; in a model it is part of what runs before the first batch. It has no
    weights: what it learns by `adapt` is part of the object, which `pickle` and `copy.deepcopy` keep.
    """

    runs_on_host = True
    input_dtype = "string"
    output_dtype = "int32"  # of what the model behind it gets
    untracked: frozenset[str] = Layer.untracked

    def read(self, value: object, what: str) -> np.ndarray | list[np.ndarray]:
        """Data of the user as what `call` takes."""
        raise NotImplementedError

    def described(self) -> dict[str, Any] | None:
        """What readers in NumPy and JavaScript need to do the same (`export/host.py`); None if they cannot."""
        return None

    def on_host(self, inputs: object, what: str = "x") -> np.ndarray:
        """Outputs in NumPy, in a dtype no wider than need be."""
        self._refuse_traced(inputs)
        self.built = True
        return self.call(self.read(inputs, what))

    def __call__(self, *args: object, **kwargs: object) -> Any:
        inputs = args[0] if args else kwargs.get("inputs")
        if any(map(is_tensor, leaves(inputs))):
            return super().__call__(inputs)
        return self.on_device(self.on_host(inputs, f"{self}: the input"))

    def on_device(self, outputs: np.ndarray) -> Tensor | np.ndarray:
        """Outputs as a device array of the layer's output dtype; what no device holds stays in NumPy."""
        return outputs if stays_on_host(outputs) else jnp.asarray(outputs, self.output_dtype)

    def compute_output_spec(self, inputs: Symbols, *args: object, **kwargs: object) -> Symbols:
        for tensor in leaves(inputs):
            self._check_place(tensor)
        shape = self.compute_output_shape(shape_of(inputs))
        return shapes.map_shapes(lambda s: KerasTensor(s, self.output_dtype), shape)

    def _check_place(self, tensor: KerasTensor) -> None:
        node = tensor.node
        if node is not None and node.inputs and not getattr(node.operation, "runs_on_host", False):
            raise ValueError(
                f"{self} runs on the host, before anything is compiled, but it stands behind layer"
                f" '{node.operation.name}' ({type(node.operation).__name__}), which is compiled. {_PLACES}"
            )

    def _refuse_traced(self, inputs: object) -> None:
        if any(isinstance(value, jax.core.Tracer) for value in leaves(inputs)):
            raise ValueError(
                f"{self} runs on the host, before anything is compiled, but it was called with traced values of a"
                f" compiled program. {_PLACES}"
            )

    def __str__(self) -> str:
        return f"Layer '{self.name}' ({type(self).__name__})"


def stays_on_host(outputs: np.ndarray) -> bool:
    """Whether it is text, or has whole numbers that the device would cut to 32 bits."""
    if outputs.dtype != np.int64 or not outputs.size:
        return outputs.dtype.kind == "O"
    narrow = np.iinfo(np.int32)
    return bool(outputs.min() < narrow.min or outputs.max() > narrow.max)


_PLACES = (
    "It may stand first in a Sequential, or directly behind an Input of Model(inputs, outputs). Elsewhere call it on"
    " the data yourself, `x = layer(x)`, and pass the result on; to turn predictions into tokens, call it on the result"
    " of `predict`."
)
