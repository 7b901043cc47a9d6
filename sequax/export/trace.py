"""The inference function of a model, pure and in float32, ready to be traced for another place.

What is exported begins behind the host part of a model (`model.compiled_part`), and computes what `predict` computes.
Sizes that are not known stay unknown, each on its own: `batch` for the first axis of all inputs, `dim_0_1` for axis 1
of input 0; `dim_1` for axis 1 of all inputs, or `dim` for all, where a model only takes them alike. Mixed precision
becomes float32, as few runtimes compute in 16 bits what JAX does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ..core import dtypes, pure, scope
from ..core.layer import Layer
from ..core.tensor import is_tensor, leaves
from ..core.variable import Variable
from ..kernels import dispatch, formulas
from . import host, signature
from .errors import ExportError
from .signature import Entry, Signature

if TYPE_CHECKING:
    from ..model import Model


class Traceable:
    """A function of arrays and variables: `one(weights, *inputs)` gives a tuple of outputs.

    Args:
        function: of the arguments that `taken` describes; what it assigns to variables is dropped.
        taken: its arguments.
        variables: what it reads.
        owners: the layers whose precision and names count.

    Attributes:
        inputs: what it takes, one after another.
        variables: the variables whose values are `weights`, by key.
        outputs: what it gives, one after another.
        nest: how `inputs` make up the arguments; `output_nest`: how outputs make up the result.
        host: what `host.json` says of the steps before, if there are any.
    """

    host: dict[str, Any] | None = None

    def __init__(
        self,
        function: Callable[..., Any],
        taken: Signature,
        variables: Iterable[Variable],
        owners: Sequence[Layer],
        output_names: Sequence[str] | None = None,
    ):
        self.function, self.owners = function, owners
        self.inputs: list[Entry] = taken.entries
        self.nest: tuple[Any, ...] = taken.nest
        self.argument_names: tuple[str, ...] = taken.names
        self.variables: dict[str, Variable] = pure.keys(variables)
        _refuse_parts(self.variables)
        self._names = output_names

    # --- weights ---

    def weights(self) -> dict[str, jax.Array]:
        """What the variables hold, floats in float32."""
        return {key: _wide(value) for key, value in pure.read(self.variables).items()}

    # --- shapes ---

    def symbols(self, batch_size: int | None = None) -> list[jax.ShapeDtypeStruct]:
        """Abstract inputs with a symbol for each unknown size.

        Args:
            batch_size: of all inputs, in place of the symbol `batch`.
        """
        return self._abstract_inputs(*self._traced[:2], batch_size)

    def _abstract_inputs(self, naming: str, least: int, batch_size: int | None) -> list[jax.ShapeDtypeStruct]:
        shapes = [_symbolic(one.shape, naming, i) for i, one in enumerate(self.inputs)]
        names = dict.fromkeys(size for shape in shapes for size in shape if isinstance(size, str))
        sizes: dict[Any, Any] = {}
        if names:
            bounds = [f"{name} >= {least}" for name in names if name != "batch" and least > 1]
            sizes = dict(zip(names, jax.export.symbolic_shape(", ".join(names), constraints=bounds), strict=True))
        if batch_size is not None:
            sizes["batch"] = batch_size
        return [
            jax.ShapeDtypeStruct(tuple(sizes.get(size, size) for size in shape), one.dtype)
            for shape, one in zip(shapes, self.inputs, strict=True)
        ]

    @cached_property
    def _traced(self) -> tuple[str, int, Any]:
        """Which unknown sizes have one symbol, the first way of `_NAMINGS` that can be traced; the least size that has
        to be assumed, where a network makes images smaller and smaller; and the structure of the outputs."""
        unknown = sum(size is None for one in self.inputs for size in one.shape[1:])
        namings = list(_NAMINGS)[: 1 if unknown < 2 else None]
        first: Exception | None = None
        for least in _LEAST if unknown else _LEAST[:1]:
            for each in namings:
                try:
                    return each, least, self._shapes(self._abstract_inputs(each, least, None))
                except ExportError:
                    raise
                except Exception as error:
                    first = first or error
        assert first is not None
        raise untraceable(first, self.inputs) from first

    def _shapes(self, inputs: Sequence[jax.ShapeDtypeStruct]) -> Any:
        weights = jax.tree.map(lambda a: jax.ShapeDtypeStruct(np.shape(a), a.dtype), self.weights())
        return jax.eval_shape(self.nested, weights, *inputs)

    @property
    def _structure(self) -> Any:
        return self._traced[2]

    def abstract_outputs(self, batch_size: int | None = None) -> list[jax.ShapeDtypeStruct]:
        """Shapes and dtypes of the outputs, with symbols."""
        return leaves(self._structure if batch_size is None else self._shapes(self.symbols(batch_size)))

    @property
    def output_nest(self) -> Any:
        return signature.positions(self._structure)

    @property
    def output_names(self) -> list[str]:
        outputs = leaves(self._structure)
        if self._names is not None and len(self._names) == len(outputs):
            return list(self._names)
        structure = self._structure
        if isinstance(structure, dict) and len(structure) == len(outputs):
            return sorted(structure)
        return ["output"] if len(outputs) == 1 else [f"output_{i + 1}" for i in range(len(outputs))]

    @property
    def outputs(self) -> list[Entry]:
        pairs = zip(self.output_names, leaves(self._structure), strict=True)
        return [Entry(name, tuple(_known(size) for size in one.shape), one.dtype.name) for name, one in pairs]

    # --- the function ---

    def nested(self, weights: dict[str, Any], *inputs: Any) -> Any:
        """The result of the function as it nests."""
        arguments = signature.filled(self.nest, inputs)
        names = list(self.variables)
        with ExitStack() as stack:
            for owner in self.owners:
                stack.enter_context(in_float32(owner))
                stack.enter_context(naming_layers(owner))
            stack.enter_context(scope.fresh_call())
            found, _ = pure.apply(
                self.function, [self.variables[n] for n in names], [weights[n] for n in names], *arguments, strict=False
            )
        return jax.tree.map(_wide, found)

    def __call__(self, weights: dict[str, Any], *inputs: Any) -> tuple[Any, ...]:
        return tuple(leaves(self.nested(weights, *inputs)))

    def jaxpr(self, batch_size: int | None = None) -> Any:
        """The traced function of the inputs, with the weights as constants, for no platform that we know of.

        A closed jaxpr in which formulas keep their names (`kernels/formulas.py`), and whose equations stand in scopes
        named after the layers they come from.
        """
        with dispatch.for_platform("portable"), formulas.keeping_names():
            try:
                return jax.make_jaxpr(partial(self, self.weights()))(*self.symbols(batch_size))
            except ExportError:
                raise
            except Exception as error:
                raise untraceable(error, self.inputs) from error


class Trace(Traceable):
    """The inference function of a model.

    Args:
        model: any built model.
        input_signature: what it takes, where the model does not say so (a subclass that was not called yet), or where
            that is to be narrowed: `InputSpec`s, shapes, or anything with `shape` and `dtype`, nested as the arguments.

    Raises:
        ExportError: if the shapes of the inputs are not known, or all of the model runs on the host.
    """

    def __init__(self, model: Model, input_signature: Any = None):
        if model.host_prefix is not None and model.host_prefix.is_all:
            raise ExportError(
                f"Model '{model.name}' computes nothing but what runs on the host (texts, categories), so there is no"
                f" program to export. Keep the model as a `.keras` file."
            )
        self.whole = model
        self.model: Model = model.compiled_part
        taken = signature.of_model(self.model, input_signature)
        _build(self.model, taken)
        names = self.model.output_names if self.model.symbolic_outputs is not None else None
        super().__init__(partial(_inference, self.model), taken, self.model.state_variables, [self.model], names)
        self.host = host.described(model, self.inputs)

    def rows(self, x: Any, what: str) -> list[np.ndarray]:
        """Data of the user as arrays for `inputs`: what runs on the host has been done.

        Args:
            what: names the data in messages.

        Raises:
            ValueError: for data that do not fit.
        """
        if len(self.nest) != 1:
            raise ValueError(f"`{what}` is for models of one argument; the model takes {len(self.nest)}.")
        parts = signature.flattened(self.nest[0], self.whole.through_host(x, what), f"`{what}`")
        return [_checked(np.asarray(part), entry, what) for part, entry in zip(parts, self.inputs, strict=True)]


def _refuse_parts(variables: dict[str, Variable]) -> None:
    """A program has all of its weights, which no process has of variables that are cut over several."""
    for variable in variables.values():
        if variable.place.processes > 1 and not variable.stored.is_fully_replicated:
            raise ExportError(
                f"Variable '{variable.path}' is cut over several processes, and what is exported is made in one. Call"
                f" `model.save('model.keras')` in all processes, then load and export that file in one."
            )


def _checked(array: np.ndarray, entry: Entry, what: str) -> np.ndarray:
    fits = array.ndim == len(entry.shape) and all(
        want is None or have == want for have, want in zip(array.shape[1:], entry.shape[1:], strict=True)
    )
    if not fits:
        raise ValueError(
            f"`{what}` must have rows as `predict` takes them: input '{entry.name}' has the shape {entry.shape}."
            f" Received: {array.shape}."
        )
    return array.astype(entry.dtype)


def _inference(model: Model, *inputs: Any) -> Any:
    return model(*inputs, training=False)


def _build(model: Model, taken: Signature) -> None:
    """Make the weights of a model that was not called yet."""
    if not model.built:
        shapes = [entry.shape for entry in taken.entries]
        raise ExportError(
            f"Model '{model.name}' ({type(model).__name__}) has not been built, so it has no weights yet. Call it on"
            f" data first, of the shapes {shapes}."
        )


# Sizes of axes that are not known: any; enough for windows and strides of most networks.
_LEAST = (1, 16, 64, 256)


def untraceable(error: Exception, inputs: Sequence[Entry]) -> ExportError:
    """What to raise where JAX or a layer refuses to be traced."""
    unknown = [f"'{one.name}' {one.shape}" for one in inputs if None in one.shape]
    remedy = (
        f" Sizes that are not known, of {', '.join(unknown)}, may be what it cannot do without: pass"
        f" `input_signature=` with the sizes of your data, such as `[keras.InputSpec(shape=(1, 28, 28))]`."
        if unknown
        else ""
    )
    lines = " ".join((str(error).strip() or type(error).__name__).split("\n\n")[0].split())
    said = lines if len(lines) < 600 else f"{lines[:600]} ..."
    return ExportError(f"it cannot be traced for export: {said}{remedy}", getattr(error, _WHERE, None) or "(the model)")


# Names of unknown sizes, by the position of the input and the axis; first axes are `batch`. Each size may be any, as
# the lengths of two texts are; or those of one axis are equal, as of two series that are added; or all, as the sides
# of square matrices.
_NAMINGS: dict[str, Callable[[int, int], str]] = {
    "apart": lambda position, axis: f"dim_{position}_{axis}",
    "by axis": lambda position, axis: f"dim_{axis}",
    "one": lambda position, axis: "dim",
}


def _symbolic(shape: Sequence[int | None], naming: str, position: int) -> list[int | str]:
    name, pairs = _NAMINGS[naming], enumerate(shape)
    return [size if size is not None else name(position, axis) if axis else "batch" for axis, size in pairs]


def _known(size: Any) -> int | None:
    return size if isinstance(size, int) else None


def _wide(value: Any) -> Any:
    """16 bits as float32; keys of random numbers and whole numbers as they are."""
    return value.astype("float32") if jnp.issubdtype(value.dtype, jnp.floating) else value


_FLOAT32 = dtypes.DTypePolicy("float32")
_SIXTEEN = ("float16", "bfloat16")


@contextmanager
def in_float32(model: Layer) -> Iterator[None]:
    """Inside, layers of 16 bits compute in float32. Nothing is noted as changed: afterwards all is as before."""
    changed = [one for one in model.flatten_layers() if one.compute_dtype in _SIXTEEN]
    before = [vars(one)["_dtype_policy"] for one in changed]
    inputs = [t for one in model.flatten_layers() for t in leaves(getattr(one, "symbolic_inputs", None))]
    narrow = [(tensor, tensor.dtype) for tensor in inputs if is_tensor(tensor) and tensor.dtype in _SIXTEEN]
    for one in changed:
        vars(one)["_dtype_policy"] = _FLOAT32
    for tensor, _ in narrow:
        tensor.dtype = "float32"
    try:
        yield
    finally:
        for one, policy in zip(changed, before, strict=True):
            vars(one)["_dtype_policy"] = policy
        for tensor, dtype in narrow:
            tensor.dtype = dtype


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
        try:
            return call(*args, **kwargs)
        except Exception as error:
            if not hasattr(error, _WHERE):
                setattr(error, _WHERE, "/".join(owner.name for owner in scope.owners()))
            raise


_WHERE = "exported_layer"  # of an error: the path of the layer whose call raised it


def layer_path(equation: Any) -> str:
    """The layers that an equation of a jaxpr comes from, outermost first, such as `"model/block/dense"`."""
    stack = str(equation.source_info.name_stack)
    return "/".join(part for part in stack.split("/") if part and "(" not in part)
