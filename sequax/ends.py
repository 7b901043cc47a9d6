"""`Ends`: the symbolic tensors that a model begins and ends with, whatever kind of model it is, and their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .core.layer import Layer
from .core.tensor import KerasTensor, leaves
from .core.types import Shape, T
from .functional import Graph


class Ends(Layer):
    """A layer that knows its inputs and outputs: those of its graph, or what it was built with.

    A model with its own `call` may use their names for something else, as in Keras.
    """

    _graph: Graph | None
    _symbolic_outputs: Any
    _named_so: Mapping[str, Any] = {}

    @property
    def recorded_graph(self) -> Graph | None:
        """The calls between inputs and outputs of `Model(inputs, outputs)`; None for other models."""
        return self._graph

    @property
    def symbolic_inputs(self) -> KerasTensor | Any:
        """Structure of symbolic inputs; None if the model is not built or has no fixed ones."""
        return self._graph.inputs if self._graph is not None else None

    @property
    def symbolic_outputs(self) -> KerasTensor | Any:
        """Structure of symbolic (or abstract) outputs; None before they are known."""
        return self._graph.outputs if self._graph is not None else self._symbolic_outputs

    @property
    def inputs(self) -> list[KerasTensor]:
        return self._free("inputs", lambda: leaves(self._shaped("inputs", self.symbolic_inputs)))

    @inputs.setter
    def inputs(self, value: Any) -> None:
        self._name_so("inputs", value)

    @property
    def outputs(self) -> list[KerasTensor]:
        return self._free("outputs", lambda: leaves(self._shaped("outputs", self.symbolic_outputs)))

    @outputs.setter
    def outputs(self, value: Any) -> None:
        self._name_so("outputs", value)

    @property
    def input(self) -> KerasTensor | Any:
        return self._shaped("input", self.symbolic_inputs)

    @property
    def output(self) -> KerasTensor | Any:
        return self._shaped("output", self.symbolic_outputs)

    @property
    def input_shape(self) -> Shape | Any:
        """The shape of the input; of several a list in the order of `inputs`, however they nest."""
        return self._free("input_shape", lambda: _shapes(self._shaped("input shape", self.symbolic_inputs)))

    @input_shape.setter
    def input_shape(self, value: Any) -> None:
        self._name_so("input_shape", value)

    @property
    def output_shape(self) -> Shape | Any:
        """The shape of the output; of several a list in the order of `outputs`, however they nest."""
        return self._free("output_shape", lambda: _shapes(self._shaped("output shape", self.symbolic_outputs)))

    @output_shape.setter
    def output_shape(self, value: Any) -> None:
        self._name_so("output_shape", value)

    def _free(self, name: str, found: Callable[[], T]) -> T:
        """What the user has named so, or else what is found."""
        return self._named_so[name] if name in self._named_so else found()

    def _name_so(self, name: str, value: object) -> None:
        if self._graph is not None or self.is_stack:
            raise AttributeError(f"property {name!r} of {type(self).__name__!r} object has no setter")
        self._named_so = {**self._named_so, name: value}

    def _shaped(self, what: str, structure: T | None) -> T:
        if structure is None:
            raise AttributeError(
                f"{type(self).__name__} model '{self.name}' has no defined {what} yet. Build it: give it an input shape"
                f" or call it on data."
            )
        return structure

    @property
    def input_names(self) -> list[str]:
        return self._free("input_names", lambda: [t.name for t in leaves(self._shaped("inputs", self.symbolic_inputs))])

    @input_names.setter
    def input_names(self, value: Any) -> None:
        self._name_so("input_names", value)

    @property
    def output_names(self) -> list[str]:
        """A name per output: of the layer that makes it. A model with its own `call` may set them."""
        return self._free("output_names", self._names_of_outputs)

    @output_names.setter
    def output_names(self, value: Any) -> None:
        self._name_so("output_names", value)

    def _names_of_outputs(self) -> list[str]:
        outputs = self.symbolic_outputs
        if isinstance(outputs, dict) and len(outputs) == len(leaves(outputs)):
            return sorted(outputs)
        found: list[str] = []
        for position, tensor in enumerate(leaves(outputs)):
            name = tensor.node.operation.name if getattr(tensor, "node", None) else f"output_{position + 1}"
            repeated = sum(known == name or known.startswith(f"{name}_") for known in found)
            found.append(name if name not in found else f"{name}_{repeated}")
        return found


def _shapes(structure: Any) -> Shape | list[Shape]:
    shapes = [tuple(t.shape) for t in leaves(structure)]
    return shapes[0] if len(shapes) == 1 else shapes
