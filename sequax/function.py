"""`Function`: the calls between symbolic tensors as a function of arrays, without weights and training."""

from __future__ import annotations

from typing import Any

from . import tree
from .core import shapes
from .core.operation import Operation
from .core.tensor import KerasTensor, leaves, map_structure, shape_of
from .core.types import Nested, Shape, Symbols, Tensors
from .functional import Graph


class Function(Operation):
    """What was computed from some symbolic tensors, to be computed again from others or from arrays.

    Args:
        inputs: symbolic tensors, one or nested in lists and dicts; also inner tensors of a graph.
        outputs: symbolic tensors that depend on the inputs alone.
        name: default: `function`, `function_1`, ...

    Raises:
        ValueError: if either is empty, or an output depends on anything else.

    Example:

    >>> import numpy as np
    >>> from sequax import KerasTensor
    >>> a, b = KerasTensor((None, 2)), KerasTensor((None, 2))
    >>> Function([a, b], (a + b) * 2)([np.ones((3, 2)), np.ones((3, 2))]).shape
    (3, 2)
    """

    def __init__(self, inputs: Symbols, outputs: Symbols, name: str | None = None):
        super().__init__(name)
        for what, structure in (("inputs", inputs), ("outputs", outputs)):
            if not leaves(structure):
                raise ValueError(f"Function: `{what}` argument cannot be empty. Received: {structure!r}")
        self._graph = Graph(inputs, outputs)

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs, in a flat list."""
        return leaves(self._graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs, in a flat list."""
        return leaves(self._graph.outputs)

    @property
    def operations(self) -> list[Any]:
        """The layers and operations between inputs and outputs."""
        return self._graph.operations

    def call(self, inputs: Tensors) -> Any:
        """Outputs for inputs of the structure and shapes that the function was made with."""
        self._check(inputs)
        return self._graph.run(inputs)

    def compute_output_spec(self, inputs: Symbols) -> Any:
        self._check(inputs)
        if [t.shape for t in leaves(inputs)] == [t.shape for t in self.inputs]:
            return map_structure(lambda t: KerasTensor(t.shape, t.dtype), self._graph.outputs)
        return shapes.infer(self._graph.run, (inputs,), {})

    def compute_output_shape(self, input_shape: Nested[Shape]) -> Any:
        """Shapes of the outputs for shapes of the inputs."""
        tensors = shapes.map_shapes(KerasTensor, input_shape)
        for tensor, own in zip(leaves(tensors), self.inputs, strict=False):
            tensor.dtype = own.dtype
        return shape_of(self.compute_output_spec(tensors))

    def _check(self, inputs: object) -> None:
        try:
            tree.assert_same_structure(inputs, self._graph.inputs)
        except (ValueError, TypeError):
            raise ValueError(
                f"{self.name} was called with an invalid input structure. Expected: {shape_of(self._graph.inputs)};"
                f" received: {map_structure(lambda t: getattr(t, 'shape', t), inputs)}."
            ) from None
        for given, own in zip(leaves(inputs), self.inputs, strict=True):
            fits = len(given.shape) == len(own.shape)
            if not fits or any(m != n for m, n in zip(given.shape, own.shape, strict=True) if None not in (m, n)):
                raise ValueError(
                    f"{self.name} was passed incompatible inputs. For input '{own.name}' expected shape {own.shape};"
                    f" received shape {tuple(given.shape)}."
                )
