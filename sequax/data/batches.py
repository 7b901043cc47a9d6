"""One set of rows on its way in: converted, checked against the model, and cast to what the device computes with."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Hashable, Mapping
from typing import Any

import jax
import numpy as np

from ..core.tensor import KerasTensor, leaves, map_structure
from ..core.types import Data, Nested, Symbols, Tensors
from ..core.warning import warn
from . import checks, convert
from .arrays import rows_kept
from .class_weights import balanced, by_class, is_balanced, weights_of_classes
from .samples import AsGiven, pack_x_y_sample_weight, unpack_x_y_sample_weight
from .source import Batch
from .spec import DataSpec, Form
from .streams import EXPECTED
from .structures import nested_alike, targets_of, weights_of

DEFAULT_BATCH_SIZE = 32


def one_batch(
    spec: DataSpec,
    x: Data,
    y: Data | None,
    weight: Data | None,
    class_weight: Mapping[Any, Any] | str | None = None,
) -> Batch:
    """A batch that is asked for on its own, as by `train_on_batch`."""
    return BatchReader(spec, class_weight, by_batch=True).read(x, y, weight)


class BatchReader:
    """Makes checked batches of what the user gives: of all rows once, or of one batch of a stream after the other.

    The first builds the model, if need be, and matches its losses with the targets; later ones are only compared.

    Args:
        class_weight: dict (or pandas Series) from class number to its weight in the loss; "balanced" for all rows at
            once.
        held_out: the part of the rows, the last ones, that "balanced" does not count.
        by_batch: what is read first is one batch, whose rows are the batch size, and later one or several such; a step
            of the user's may want them as they are.
        batch_size: that of training, for building a model whose layers want to know it.
        prefix: in front of the names of arguments in messages, such as `"validation "`.
        finite_targets: refuse targets that are NaN or infinite.
    """

    spec: DataSpec
    model: Any
    batch_size: int | None
    prefix: str

    def __init__(
        self,
        spec: DataSpec,
        class_weight: Mapping[Any, Any] | str | None = None,
        batch_size: int | None = None,
        prefix: str = "",
        finite_targets: bool = True,
        held_out: float = 0.0,
        by_batch: bool = False,
    ):
        self.by_batch = by_batch
        self.held_out = held_out
        self.finite_targets = finite_targets
        self.spec, self.model, self.batch_size, self.prefix = spec, spec.model, batch_size, prefix
        self.class_weight: Any = by_class(class_weight)  # a dict once "balanced" has seen the targets
        self._warned = False  # of weights
        self._inputs: list[checks.InputSchema] | None = None
        self._outputs: list[checks.OutputSchema] | None = None
        self._compilation: object = None  # a callback may call `compile` while a stream goes on

    def read(self, x: Data | None, y: Data | None = None, sample_weight: Data | None = None) -> Batch:
        """A batch of NumPy arrays in the structures that the model and its losses take.

        Raises:
            ValueError: for data that do not fit; the model is unchanged then, except that it may be built.
        """
        form, first = _form(x, y, sample_weight), self._outputs is None
        known = None if form is None else self.spec.forms.get(form)
        if known is not None and known.losses is self.model.compilation.losses:
            self._inputs, self._outputs, self._compilation = known.inputs, known.outputs, self.model.compilation
            if known.plain and self.class_weight is None:
                return self._read_alike(x, y)
        batch = self._read(x, y, sample_weight)
        if form is not None and first and self._inputs and self._outputs:
            # Of several outputs, some may have no target: which is whose takes more than a look at the values.
            plain = batch.x is x and batch.y is y and batch.weight is None and len(self._outputs) == 1
            self.spec.forms[form] = Form(self._inputs, self._outputs, self.model.compilation.losses, plain)
        return batch

    def _read_alike(self, x: Any, y: Any) -> Batch:
        """`read` of a form that is known: only values and numbers of rows remain to be checked."""
        assert self._inputs is not None
        checks.check_inputs([x], self._inputs, f"{self.prefix}x")
        if y is not None:
            self._check_targets([y], x, None)
            self._check_rows(x, y, None)
        return Batch(x, y)

    def _read(self, x: Data | None, y: Data | None, sample_weight: Data | None) -> Batch:
        model, prefix = self.model, self.prefix
        if self.by_batch and self.batch_size is None:
            self.batch_size = rows_told(x)
        if isinstance(x, AsGiven) and not self.spec.own().inputs:
            raise ValueError(f"it is a {type(x.data).__name__} of {len(x.data)}; {EXPECTED}")
        if self.spec.own().targets:
            return self._read_as_given(x, y, sample_weight)
        if y is None and model.compilation.loss is not None:
            raise ValueError(_missing_targets(x, f"{prefix}y"))
        others = {f"{prefix}y": y, f"{prefix}sample_weight": sample_weight}
        xs = checked_inputs(self.spec, x, self.batch_size, f"{prefix}x", others, self._inputs)
        names = model.output_names
        ys = None if y is None else self._target_arrays(y, names)
        weight = None if sample_weight is None else self._weight_arrays(sample_weight)
        if self._outputs is None or model.compilation is not self._compilation:
            model.resolve(ys)
            self._compilation = model.compilation
            self._inputs, self._outputs = self.spec.inputs(), self.spec.outputs()
            checks.check_configuration(self._outputs)
        shapes = self.spec.output_shapes(xs)
        if shapes != [schema.shape for schema in self._outputs]:
            self._outputs = [dataclasses.replace(f, shape=s) for f, s in zip(self._outputs, shapes, strict=True)]
        targets = targets_of(ys, model.symbolic_outputs, names, model.compilation.losses)
        if ys is not None:
            if len(targets) == len(names):
                self._refuse_missing(targets, names)
            self._check_targets(targets, xs, weight)
        self._balance(targets, self._outputs[0].loss in checks.SPARSE, self._outputs[0].ignore_class)
        if weight is not None or self.class_weight is not None:
            weights = weights_of(weight, len(names), model.symbolic_outputs, names)
            given = None if weight is None else weights
            told = checks.check_weights(given, self.class_weight, targets, self._outputs, f"{prefix}sample_weight")
            self._warn_once(told)
        self._check_rows(xs, ys, weight)
        if self.class_weight is not None:
            numbers = self._outputs[0].loss in checks.SPARSE
            weight = weights_of_classes(self.class_weight, targets[0], numbers)
        if ys is not None:
            ys = _in_structure(ys, self._cast(targets), names, model.symbolic_outputs)
        return Batch(xs, ys, weight)

    def _balance(self, targets: list[Any], numbers: bool = False, ignored: int | None = None) -> None:
        if is_balanced(self.class_weight) and targets and targets[0] is not None:
            rows = rows_kept(len(targets[0]), self.held_out)
            self.class_weight = balanced(targets[0][:rows], numbers, ignored)

    def _check_rows(self, xs: object, ys: object, weight: object) -> None:
        named = {"x": xs, "y": ys, "sample_weight": weight}
        checks.check_rows({f"{self.prefix}{name}": leaves(arrays) for name, arrays in named.items()})

    def _check_targets(self, targets: list[Any], xs: Tensors, sample_weight: Tensors | None) -> None:
        what, finite = f"{self.prefix}y", self.finite_targets
        assert self._outputs is not None
        try:
            checks.check_targets(targets, self._outputs, what, finite=finite)
        except ValueError:
            names, outputs = self.model.output_names, self.model.symbolic_outputs
            counting = self.spec.counting(xs, targets, weights_of(sample_weight, len(names), outputs, names))
            if all(map(np.array_equal, leaves(counting), leaves(targets))):
                raise
            checks.check_targets(counting, self._outputs, what, finite=finite)

    def _target_arrays(self, y: Data, names: list[str]) -> Any:
        """Targets as arrays; an output without a loss may have None, or be left out where none of them has a target."""
        what, outputs = f"{self.prefix}y", self.model.symbolic_outputs
        nest = nested_alike(y, outputs)
        if nest is not None:
            arrays = [convert.to_arrays(one, f"{what}[{i}]", 1) for i, one in enumerate(nest)]
            return jax.tree.unflatten(jax.tree.structure(outputs), arrays)
        if isinstance(y, Mapping):
            given = convert.to_arrays({key: one for key, one in y.items() if one is not None}, what, len(names))
            return {key: given.get(key) for key in y}
        if not isinstance(y, (list, tuple)):
            return convert.to_arrays(y, what, len(names))
        if any(one is None for one in y) and len(y) == len(names):
            return [None if one is None else convert.to_arrays(one, f"{what}[{i}]", 1) for i, one in enumerate(y)]
        wanted = self.model.compilation.wanted_targets(names)
        return convert.to_arrays(y, what, wanted if len(y) == wanted else len(names))

    def _weight_arrays(self, given: Data) -> Any:
        """Sample weights as arrays; an output may have None."""
        what = f"{self.prefix}sample_weight"
        if isinstance(given, Mapping):
            given = {key: one for key, one in given.items() if one is not None}
        if isinstance(given, (list, tuple)) and any(one is None for one in given):
            arrays = [None if one is None else convert.to_arrays(one, f"{what}[{i}]", 1) for i, one in enumerate(given)]
        else:
            arrays = convert.to_arrays(given, what, None)
        return jax.tree.map(lambda array: convert.cast(array, "float32", what), arrays)

    def _refuse_missing(self, targets: list[Any], names: list[str]) -> None:
        for target, loss, name in zip(targets, self.model.compilation.losses, names, strict=True):
            if target is None and loss is not None:
                raise ValueError(
                    f"{self.prefix}y has no target for output {name!r}, and its loss needs one: give it, or compile"
                    f" with None as the loss of that output."
                )

    def targets(self, batch: Batch) -> tuple[list[Any], list[checks.OutputSchema]]:
        """The targets of a batch in the order of the outputs, and what is known of these."""
        assert self._outputs is not None
        model = self.model
        if not self._outputs:
            return [], []
        return targets_of(batch.y, model.symbolic_outputs, model.output_names, model.compilation.losses), self._outputs

    def _read_as_given(self, x: Data | None, y: Data | None, sample_weight: Data | None) -> Batch:
        """A batch for a step or loss that the user wrote, and whose affair it is what the arrays mean.

        They are converted and have to be finite and of equal length; only x that fits the inputs is checked like any.
        """
        model, prefix = self.model, self.prefix
        if self.spec.own().inputs and (isinstance(x, AsGiven) or self._has_unequal_rows((x, y, sample_weight))):
            return self._read_whole(
                x if isinstance(x, AsGiven) else AsGiven(pack_x_y_sample_weight(x, y, sample_weight))
            )
        if self.spec.own().inputs:
            xs = own_inputs(self.spec, x, self.batch_size, f"{prefix}x", build=bool(model.compilation.given_metrics))
        else:
            xs = checked_inputs(self.spec, x, self.batch_size, f"{prefix}x", {f"{prefix}y": y})
        ys = None if y is None else plain(y, f"{prefix}y")
        weight: Any = None if sample_weight is None else plain(sample_weight, f"{prefix}sample_weight")
        weight = jax.tree.map(lambda a: a.astype(np.float32), weight)
        self._check_rows(xs, ys, weight)
        if self.class_weight is not None and ys is not None:
            self._balance(leaves(ys))
            weight = weights_of_classes(self.class_weight, leaves(ys)[0])
        if self._outputs is None:
            self._outputs = []
            outputs = leaves(model.symbolic_outputs)
            if outputs:
                model.resolve(ys if len(leaves(ys)) == len(outputs) else None)
        return Batch(xs, ys, weight)

    def _has_unequal_rows(self, data: Any) -> bool:
        """Whether a batch has parts of unequal lengths, or numbers: it is not made of rows then."""
        if not self.by_batch or self.class_weight is not None:
            return False
        parts = leaves(data)  # numbers of a list are no parts
        return all(isinstance(one, np.ndarray | jax.Array) for one in parts) and len({p.shape[:1] for p in parts}) > 1

    def _read_whole(self, given: AsGiven) -> Batch:
        """A batch that the step gets as it was given; in arrays of one row where these have no rows in common."""
        arrays = [np.asarray(part) for part in leaves(given.data)]
        data: Any = AsGiven(jax.tree.unflatten(jax.tree.structure(given.data), arrays))
        if self._has_unequal_rows(arrays):
            data = data.pack()
        data = jax.tree.map(lambda array: plain(array, f"{self.prefix}x"), data)
        self._check_rows(data, None, None)
        if self._outputs is None:
            self._outputs = []
            if not leaves(self.model.symbolic_inputs):
                self.spec.build(unpack_x_y_sample_weight(given.data[:3])[0], 1, False)
        return Batch(data)

    def _warn_once(self, sentences: list[str]) -> None:
        if sentences and not self._warned:
            self._warned = True
            for sentence in sentences:
                warn(sentence)

    def _cast(self, targets: list[Any]) -> list[Any]:
        """Labels that stay whole numbers are cast to int32, all other targets to what the loss computes in."""
        assert self._outputs is not None
        kinds = ["int32" if schema.loss in checks.SPARSE else "float32" for schema in self._outputs]
        return [
            None if target is None else convert.cast(target, kind, f"{self.prefix}y")
            for target, kind in zip(targets, kinds, strict=True)
        ]


def _form(*data: Any) -> Hashable | None:
    """What arrays have in common that are read alike; None for data that are no plain arrays."""
    if not all(one is None or isinstance(one, (np.ndarray, jax.Array)) for one in data):
        return None
    return tuple([None if one is None else (type(one), one.ndim, one.shape[1:], one.dtype) for one in data])


def checked_inputs(
    spec: DataSpec,
    x: Any,
    batch_size: int | None = None,
    what: str = "x",
    others: Mapping[str, Any] | None = None,
    schemas: list[checks.InputSchema] | None = None,
) -> Any:
    """Inputs as arrays in the structure the model takes; a model that is not built yet is built from them.

    Args:
        others: further arguments by name, whose rows are counted before a model is built.
        schemas: what is known of the inputs, when it has been found out before.
    """
    if isinstance(x, AsGiven):
        raise ValueError(f"{what} is a {type(x.data).__name__} of {len(x.data)}; {EXPECTED}")
    if x is None:
        raise ValueError(f"{what} is missing: pass the inputs, one row per sample.")
    model = spec.model
    part = model.compiled_part
    x = convert.as_columns(model.through_host(x, what))
    if part.symbolic_inputs is None:
        given = _building(spec, convert.to_arrays(x, what), batch_size, what, others or {})
        if model.symbolic_inputs is None:
            return given
        given = _in_order(given, model.symbolic_inputs, what)
    elif any(map(_is_optional, leaves(part.symbolic_inputs))):
        return _with_optional(part.symbolic_inputs, x, what, schemas or spec.inputs())
    else:
        given = _to_arrays(x, part.symbolic_inputs, what)
    schemas = spec.inputs() if schemas is None else schemas
    arrays = leaves(given)
    try:
        flat = _as_expected(arrays, schemas, what)
    except ValueError:
        if len(arrays) != len(schemas) or not spec.takes_sizes(arrays):
            raise
        flat = _as_expected(arrays, [dataclasses.replace(schema, shape=None) for schema in schemas], what)
    return _unflattened(part.symbolic_inputs, flat)


def _building(
    spec: DataSpec, given: Any, batch_size: int | None, what: str, others: Mapping[str, Any]
) -> Nested[np.ndarray]:
    """Inputs of a model that is not built yet, which is built from them."""
    flat = [convert.cast(a, None, what) for a in leaves(given)]
    rows = checks.check_rows({what: flat})
    for name, other in others.items():
        if isinstance(getattr(other, "shape", None), tuple):
            checks.check_rows({what: [flat[0]], name: [np.asarray(other)]})
    checked = checks.check_inputs(flat, [checks.InputSchema(what, None) for _ in flat], what)
    given = jax.tree.unflatten(jax.tree.structure(given), checked)
    size, model = min(batch_size or DEFAULT_BATCH_SIZE, rows), spec.model
    model.build_from(map_structure(lambda a: KerasTensor(model.shape_for((size, *a.shape[1:])), a.dtype.name), given))
    return given


def _to_arrays(x: object, symbolic: Symbols, what: str) -> Any:
    """Inputs as arrays, in the order in which a built model has them."""
    expected = leaves(symbolic)
    if isinstance(x, Mapping):  # others may be in a dict than those that the model takes
        keys = list(symbolic) if isinstance(symbolic, dict) else [t.name for t in expected]
        x = {key: x[key] for key in keys} if all(key in x for key in keys) else x
    nest = nested_alike(x, symbolic)
    if nest is not None:
        return [convert.to_arrays(one, f"{what}[{i}]", 1) for i, one in enumerate(nest)]
    return _in_order(convert.to_arrays(x, what, len(expected)), symbolic, what)


def _in_order(given: Any, symbolic: Symbols, what: str) -> Any:
    if isinstance(given, dict) and not isinstance(symbolic, dict):
        names = [t.name for t in leaves(symbolic)]
        missing = [name for name in names if name not in given]
        if missing:
            columns = len(names) == 1 and len(given) > 1 and all(value.ndim == 1 for value in given.values())
            raise ValueError(
                f"{what} has no entry for input {missing[0]!r}. Inputs: {names}; {what} has {list(given)}."
                f"{_ONE_TABLE.format(what) if columns else ''}"
            )
        return [given[name] for name in names]
    if isinstance(symbolic, dict) and isinstance(given, (list, tuple)):
        checks.check_key_order(symbolic, what)
    return given


def _unflattened(symbolic: Symbols, flat: list[Any]) -> Any:
    return jax.tree.unflatten(jax.tree.structure(symbolic, is_leaf=lambda t: isinstance(t, KerasTensor)), flat)


def _as_expected(arrays: list[Any], schemas: list[checks.InputSchema], what: str) -> list[Any]:
    return [
        convert.cast(a, schema.dtype, what)
        for a, schema in zip(checks.check_inputs(arrays, schemas, what), schemas, strict=True)
    ]


def _is_optional(tensor: KerasTensor) -> bool:
    return tensor.node is not None and getattr(tensor.node.operation, "optional", False)


def _with_optional(symbolic: Symbols, x: object, what: str, schemas: list[checks.InputSchema]) -> Any:
    """Inputs of a model some of whose `Input`s say `optional=True`: None may stand for those, in all batches alike."""
    expected = leaves(symbolic)
    if isinstance(x, dict):
        keys = list(symbolic) if isinstance(symbolic, dict) else [t.name for t in expected]
        given = [x.get(key) for key in (sorted(keys) if isinstance(symbolic, dict) else keys)]
    else:
        given = list(x) if isinstance(x, (list, tuple)) else [x]
    if len(given) != len(expected):
        raise ValueError(
            f"{what} has {len(given)} inputs; the model takes {len(expected)}: {[t.name for t in expected]}."
        )
    for tensor, value in zip(expected, given, strict=True):
        if value is None and not _is_optional(tensor):
            raise ValueError(f"{what}: the input '{tensor.name}' is not optional, but None was passed.")
    places = [place for place, value in enumerate(given) if value is not None]
    present = [convert.to_arrays(given[place], f"{what} ({expected[place].name!r})", 1) for place in places]
    for place, array in zip(places, _as_expected(present, [schemas[place] for place in places], what), strict=True):
        given[place] = array
    return _unflattened(symbolic, given)


def rows_told(x: object) -> int | None:
    """The rows of a batch, as far as its arrays tell."""
    return next((array.shape[0] for array in leaves(x) if getattr(array, "shape", ())), None)


def prediction_inputs(spec: DataSpec, x: Data, batch_size: int | None = None) -> Any:
    """Inputs for `predict`."""
    return (own_inputs if spec.own().predict else checked_inputs)(spec, x, batch_size)


def own_inputs(
    spec: DataSpec, x: Data | None, batch_size: int | None = None, what: str = "x", build: bool = False
) -> Any:
    """Inputs of a step that the user wrote: as the model takes them if they fit, else as they are.

    Args:
        build: call the model on them to learn its outputs, even if all its layers are built.
    """
    expected = leaves(spec.model.symbolic_inputs)
    if x is None or spec.model.begins_on_host or _could_be(x, expected):
        return checked_inputs(spec, x, batch_size, what)
    xs = plain(x, what)
    if not expected:
        spec.build(xs, min(batch_size or DEFAULT_BATCH_SIZE, checks.check_rows({what: leaves(xs)})), build)
    return xs


def _could_be(x: object, expected: list[KerasTensor]) -> bool:
    """Whether arrays have the number, ranks and sizes of symbolic inputs."""
    if not expected:
        return False
    shapes = [a.shape for a in leaves(x) if hasattr(a, "shape")]
    if len(shapes) != len(leaves(x)):
        return True  # lists of numbers and the like
    if len(shapes) != len(expected):
        return False
    return all(
        len(shape) == len(t.shape)
        and all(want in (None, have) for have, want in zip(shape[1:], t.shape[1:], strict=True))
        for shape, t in zip(shapes, expected, strict=True)
    )


def plain(data: Data, what: str) -> Any:
    """Finite numbers in the user's structure, 64-bit ones as 32-bit ones."""
    given = convert.to_arrays(convert.as_columns(data), what)
    arrays = [convert.cast(a, None, what) for a in leaves(given)]
    arrays = checks.check_inputs(arrays, [checks.InputSchema(what, None) for _ in arrays], what)
    return jax.tree.unflatten(jax.tree.structure(given), arrays)


def _in_structure(y: object, targets: list[Any], names: list[str], outputs: object) -> Any:
    """Cast targets where the user's structure has them."""
    if isinstance(y, dict) and nested_alike(y, outputs) is None:
        return dict(zip(names, targets, strict=True))
    return jax.tree.unflatten(jax.tree.structure(y), [t for t in targets if t is not None])


_ONE_TABLE = " For one input of these columns pass np.column_stack(list({}.values()))."


def _missing_targets(x: object, what: str) -> str:
    return f"{what} is missing: the loss compares the outputs with targets.{_meant(x)}"


def _meant(x: object) -> str:
    if isinstance(x, tuple) and len(x) == 2:
        return " x is a tuple of two: write fit(x, y) in place of fit((x, y))."
    if isinstance(x, list) and x and all(isinstance(one, tuple) and len(one) in (2, 3) for one in x):
        return " x is a list of tuples: if these are batches (x, y), write fit(iter(batches))."
    if inspect.isgeneratorfunction(x):
        return f" x is a function that makes a generator: call it, fit({x.__name__}())."
    return ""
