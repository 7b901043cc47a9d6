"""The inference function of a model, pure and in float32, ready to be traced for another place.

What is exported begins behind the host part of a model (`model.compiled_part`), and computes what `predict` computes.
Sizes that are not known stay unknown, each on its own: `batch` for the first axis of all inputs, `dim_0_1` for axis 1
of input 0. Mixed precision becomes float32, as few runtimes compute in 16 bits what JAX does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes, pure, shapes
from ..core.layer import Layer
from ..core.tensor import KerasTensor, leaves, map_structure
from ..core.variable import Variable
from ..kernels import dispatch, formulas
from .errors import ExportError

if TYPE_CHECKING:
    from ..model import Model


class Entry(NamedTuple):
    """An input or an output of what is exported; None stands for sizes that are not known."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class Trace:
    """The inference function of a model: `trace(weights, *inputs)` gives a tuple of outputs.

    Args:
        model: any built model.
        input_signature: what it takes, where the model does not say so (a subclass that was not called yet), or where
            that is to be narrowed: shapes, or anything with `shape` and `dtype`, in the structure of the inputs.

    Attributes:
        inputs: what the function takes, one after another.
        output_names: what it gives.
        variables: the variables whose values are `weights`, by key.

    Raises:
        ExportError: if the shapes of the inputs are not known, or all of the model runs on the host.
    """

    def __init__(self, model: Model, input_signature: Any = None):
        if model.host_prefix is not None and model.host_prefix.is_all:
            raise ExportError(
                f"Model '{model.name}' computes nothing but what runs on the host (texts, categories), so there is no"
                f" program to export. Keep the model as a `.keras` file."
            )
        self.model: Model = model.compiled_part
        self.structure: Any = _inputs(self.model, input_signature)
        self.inputs: list[Entry] = [_entry(tensor, i) for i, tensor in enumerate(leaves(self.structure))]
        self.variables: dict[str, Variable] = pure.keys(self.model.state_variables)

    @property
    def output_names(self) -> list[str]:
        if self.model.symbolic_outputs is not None:
            return self.model.output_names
        outputs = self.abstract_outputs()
        return ["output"] if len(outputs) == 1 else [f"output_{i + 1}" for i in range(len(outputs))]

    def weights(self) -> dict[str, jax.Array]:
        """What the variables hold, floats in float32."""
        return {key: _wide(value) for key, value in pure.read(self.variables).items()}

    def symbols(self, batch_size: int | None = None) -> list[jax.ShapeDtypeStruct]:
        """Abstract inputs with a symbol for each unknown size.

        Args:
            batch_size: of all inputs, in place of the symbol `batch`.
        """
        names = dict.fromkeys(
            _symbol(i, axis) for i, one in enumerate(self.inputs) for axis, n in enumerate(one.shape) if n is None
        )
        sizes: dict[str, Any] = {}
        if names:
            sizes = dict(zip(names, jax.export.symbolic_shape(", ".join(names)), strict=True))
        if batch_size is not None:
            sizes["batch"] = batch_size
        return [
            jax.ShapeDtypeStruct(
                tuple(sizes[_symbol(i, axis)] if n is None else n for axis, n in enumerate(one.shape)), one.dtype
            )
            for i, one in enumerate(self.inputs)
        ]

    def __call__(self, weights: dict[str, Any], *inputs: Any) -> tuple[Any, ...]:
        given = iter(inputs)
        x = map_structure(lambda _: next(given), self.structure)
        with in_float32(self.model):
            outcome = pure.call(self.model, weights, {}, x, training=False)
        return tuple(_wide(output) for output in leaves(outcome.outputs))

    def abstract_outputs(self, batch_size: int | None = None) -> list[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the outputs, with symbols."""
        return list(jax.eval_shape(self, _abstract(self.weights()), *self.symbols(batch_size)))

    def jaxpr(self, batch_size: int | None = None) -> Any:
        """The traced function of the inputs, with the weights as constants, for no platform that we know of.

        A closed jaxpr in which formulas keep their names (`kernels/formulas.py`), and whose equations stand in scopes
        named after the layers they come from.
        """
        with dispatch.for_platform("portable"), formulas.keeping_names(), naming_layers(self.model):
            return jax.make_jaxpr(partial(self, self.weights()))(*self.symbols(batch_size))


def _inputs(model: Model, input_signature: Any) -> Any:
    structure = model.symbolic_inputs
    if input_signature is not None:
        given = _symbols_of(input_signature)
        if structure is None:
            return given
        parts = leaves(given)
        if len(parts) != len(leaves(structure)):
            raise ExportError(
                f"Model '{model.name}' takes {len(leaves(structure))} inputs. Received: an `input_signature` of"
                f" {len(parts)}."
            )
        pairs = iter(zip(leaves(structure), parts, strict=True))
        return map_structure(lambda _: _narrowed(*next(pairs)), structure)
    if structure is None and model.built:
        found = list((getattr(model, "_build_shapes", None) or {}).values())
        structure = _symbols_of(found[0]) if len(found) == 1 else None
    if structure is None:
        raise ExportError(
            f"Model '{model.name}' ({type(model).__name__}) does not say what it takes. Call it on data first, or pass"
            f" `input_signature=[InputSpec((None, 8), dtype='float32')]`."
        )
    return structure


def _symbols_of(structure: Any) -> Any:
    """Shapes, or what has some, as symbolic tensors with an unknown batch size."""

    def symbol(one: Any) -> KerasTensor:
        shape = one if shapes.is_shape(one) else one.shape
        dtype = getattr(one, "dtype", None)
        name = getattr(one, "name", None)
        return KerasTensor((None, *shape[1:]), "float32" if dtype is None else dtypes.standardize(dtype), name=name)

    def each(one: Any) -> Any:
        if shapes.is_shape(one) or hasattr(one, "shape"):
            return symbol(one)
        if isinstance(one, dict):
            return {key: each(value) for key, value in one.items()}
        found = [each(value) for value in one]
        return found

    found = each(structure)
    return found[0] if isinstance(found, list) and len(found) == 1 else found


def _narrowed(tensor: KerasTensor, given: KerasTensor) -> KerasTensor:
    if len(tensor.shape) != len(given.shape):
        raise ExportError(f"Input '{tensor.name}' has shape {tensor.shape}. Received: a signature of {given.shape}.")
    return KerasTensor(given.shape, given.dtype, name=tensor.name)


def _entry(tensor: KerasTensor, position: int) -> Entry:
    dtype = dtypes.jnp_dtype(tensor.dtype)
    if jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.dtype("float32")
    dtype = jax.dtypes.canonicalize_dtype(dtype)
    return Entry(tensor.name or f"input_{position + 1}", tuple(tensor.shape), dtype.name)


def _symbol(position: int, axis: int) -> str:
    return "batch" if axis == 0 else f"dim_{position}_{axis}"


def _wide(value: Any) -> Any:
    """16 bits as float32; keys of random numbers and whole numbers as they are."""
    return value.astype("float32") if jnp.issubdtype(value.dtype, jnp.floating) else value


def _abstract(values: Any) -> Any:
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), a.dtype), values)


_FLOAT32 = dtypes.DTypePolicy("float32")
_SIXTEEN = ("float16", "bfloat16")


@contextmanager
def in_float32(model: Layer) -> Iterator[None]:
    """Inside, layers of 16 bits compute in float32. Nothing is noted as changed: afterwards all is as before."""
    changed = [one for one in model.flatten_layers() if one.compute_dtype in _SIXTEEN]
    before = [vars(one)["_dtype_policy"] for one in changed]
    for one in changed:
        vars(one)["_dtype_policy"] = _FLOAT32
    try:
        yield
    finally:
        for one, policy in zip(changed, before, strict=True):
            vars(one)["_dtype_policy"] = policy


@contextmanager
def naming_layers(model: Layer) -> Iterator[None]:
    """Inside, what a layer computes is traced in a scope of its name, so that messages can say where they come from."""
    with ExitStack() as stack:
        for one in model.flatten_layers():
            if "call" not in vars(one):
                vars(one)["call"] = partial(_named_call, one.name.replace("/", "."), one.call)
                stack.callback(vars(one).pop, "call")
        yield


def _named_call(name: str, call: Any, *args: Any, **kwargs: Any) -> Any:
    with jax.named_scope(name):
        return call(*args, **kwargs)


def layer_path(equation: Any) -> str:
    """The layers that an equation of a jaxpr comes from, outermost first, such as `"model/block/dense"`."""
    stack = str(equation.source_info.name_stack)
    return "/".join(part for part in stack.split("/") if part)
