"""Checks of data and arguments before training: what would become NaN, or a silently wrong answer, is refused.

Every function is called once per `fit`, `evaluate` or `predict` with whole arrays, and for streams once per batch.
All look at host arrays in NumPy, before any cast to 32 bits. Valid data costs one or two passes (a sum, or a minimum
and a maximum); only when such a pass fails is the offending entry searched for, in chunks that bound memory.

Checks of values (finiteness, label and index ranges, weights) obey one switch, `set_enabled`, or the environment
variable SEQUAX_CHECKS=off. Checks of shapes, row counts and arguments are always on: without them nothing works.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np

SWITCH = "If the data are meant to be so, sequax.config.set_data_checks(False) turns value checks off."
CHUNK = 1 << 20  # entries looked at together while searching, so that masks stay at a few megabytes

SPARSE = {"sparse_categorical_crossentropy"}
CATEGORICAL = {"categorical_crossentropy", "categorical_focal_crossentropy"}
BINARY = {"binary_crossentropy", "binary_focal_crossentropy"}
REGRESSION = {
    "mean_squared_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "huber",
    "log_cosh",
    "cosine_similarity",
    "poisson",
}
SAME_SHAPE = REGRESSION | BINARY | {"hinge", "squared_hinge", "categorical_hinge", "kl_divergence", "dice", "tversky"}
ACCURACIES = {"accuracy", "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"}
UNBOUNDED = {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "gelu", "silu", "swish", "softplus", "tanh"}

_enabled = os.environ.get("SEQUAX_CHECKS", "on").lower() not in ("off", "0", "false", "no")


def enabled() -> bool:
    """Whether values are checked (default: yes, unless the environment says SEQUAX_CHECKS=off)."""
    return _enabled


def set_enabled(value: bool) -> None:
    """Turn checks of values on or off for the whole process; checks of shapes and arguments stay on."""
    global _enabled
    _enabled = bool(value)


@dataclass(frozen=True)
class InputFacts:
    """What a model says about one input; `shape` has the batch first and None where any size will do."""

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str = "float32"
    index_limit: int | None = None  # `input_dim`, when the input goes straight into an Embedding
    layer: str | None = None  # the name of that Embedding


@dataclass(frozen=True)
class OutputFacts:
    """What a model and `compile` say about one output; `loss` is None for a user's function or no loss."""

    name: str
    shape: tuple[int | None, ...]
    loss: str | None = None
    from_logits: bool = False
    activation: str | None = None  # the last activation, None when unknown
    ignore_class: int | None = None
    metrics: tuple[str, ...] = ()

    @property
    def units(self) -> int | None:
        return self.shape[-1] if len(self.shape) > 1 else 1


# Searching, and words for what was found


@dataclass(frozen=True)
class Found:
    """The first bad entry, and how many entries and rows are bad."""

    index: tuple[int, ...]
    entries: int
    rows: int


def find(array: np.ndarray, is_bad: Callable[[np.ndarray], np.ndarray]) -> Found | None:
    """Search row chunks for entries where `is_bad` holds; None if there are none."""
    first, entries, rows = None, 0, 0
    for start, part in _chunks(array):
        bad = is_bad(part)
        if not bad.any():
            continue
        if first is None:
            offset, *rest = np.unravel_index(int(bad.argmax()), bad.shape)
            first = (start + int(offset), *map(int, rest))
        entries += int(np.count_nonzero(bad))
        rows += int(np.count_nonzero(bad.reshape(len(bad), -1).any(axis=1)))
    return None if first is None else Found(first, entries, rows)


def _chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    if not array.size:
        return
    step = max(1, CHUNK * len(array) // array.size)
    for start in range(0, len(array), step):
        yield start, array[start : start + step]


_row_numbers: ContextVar[np.ndarray | None] = ContextVar("sequax_row_numbers", default=None)


@contextmanager
def numbered_rows(numbers: np.ndarray) -> Iterator[None]:
    """Inside, messages give rows these numbers: those of the whole data, when a part of them is checked."""
    token = _row_numbers.set(numbers)
    try:
        yield
    finally:
        _row_numbers.reset(token)


def place(index: tuple[int, ...]) -> str:
    """Words for an entry: "row 3", "row 3, column 1" or "row 3, position (1, 2)"."""
    row, *rest = index
    numbers = _row_numbers.get()
    row = row if numbers is None else int(numbers[row])
    if not rest:
        return f"row {row}"
    return f"row {row}, column {rest[0]}" if len(rest) == 1 else f"row {row}, position {tuple(rest)}"


def plural(number: int, word: str) -> str:
    """Words for a count: "1 row", "2 rows"."""
    ending = "" if number == 1 else "es" if word.endswith("ch") else "s"
    return f"{number} {word}{ending}"


def refuse(message: str) -> NoReturn:
    """Refuse a value, and tell the switch that would let it pass."""
    raise ValueError(f"{message} {SWITCH}")


def _warn(message: str, stacklevel: int) -> None:
    # Stack levels count as in `warnings.warn`, from the function that calls this one; helpers in between add 1 each.
    warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)


def _label(what: str, names: Sequence[str], i: int) -> str:
    return what if len(names) == 1 else f"{what}[{i}] ({names[i]!r})"


def _shown(shape: Sequence[int | None]) -> str:
    return f"({', '.join('n' if size is None else str(size) for size in shape)}{',' if len(shape) == 1 else ''})"


def _is_float(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or (array.dtype.kind == "V" and array.dtype.names is None)


def has_finite_sum(array: np.ndarray) -> bool:
    """Whether the sum is finite, and so are all numbers then; finite numbers may have a sum that is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(np.add.reduce(array, axis=None)))


def _check_finite(array: np.ndarray, what: str) -> None:
    if not _is_float(array) or not array.size:
        return
    if has_finite_sum(array):
        return
    found = find(array, lambda part: ~np.isfinite(part))
    if found is None:  # finite numbers whose sum overflowed
        return
    value = float(array[found.index])
    kind = "NaN" if math.isnan(value) else "infinity"
    if found.entries == 1:
        refuse(f"{what} has 1 {kind} ({place(found.index)}): clean the data before training.")
    refuse(
        f"{what} has {found.entries} entries that are NaN or infinite, in {plural(found.rows, 'row')} "
        f"(first: {kind} at {place(found.index)}): clean the data before training."
    )


def _check_whole(array: np.ndarray, what: str, noun: str, remedy: str) -> None:
    if not _is_float(array):
        return
    found = find(array, lambda part: part != np.floor(part))
    if found is not None:
        refuse(
            f"{what} has {noun} {float(array[found.index]):g} at {place(found.index)}, which is not a whole number "
            f"({plural(found.rows, 'bad row')}): {remedy}."
        )


def _outside(array: np.ndarray, low: float, high: float, ignored: int | None = None) -> Found | None:
    if not array.size or (array.min() >= low and array.max() <= high):
        return None

    def is_bad(part: np.ndarray) -> np.ndarray:
        bad = (part < low) | (part > high)
        return bad if ignored is None else bad & (part != ignored)

    return find(array, is_bad)


# Rows and arguments


def check_rows(groups: Mapping[str, Sequence[Any]]) -> int:
    """Require one number of rows in all arguments, at least one, and return it.

    `groups` maps an argument's name to its arrays: `{"x": [x], "y": [y]}`. None among the arrays is passed over.
    """
    sizes = {}
    for what, arrays in groups.items():
        for i, array in enumerate(arrays):
            if array is None:
                continue
            name = what if len(arrays) == 1 else f"{what}[{i}]"
            if array.ndim == 0:
                raise ValueError(f"{name} is a single number; expected an array with one row per sample.")
            sizes[name] = len(array)
    for name, size in sizes.items():
        if size == 0:
            raise ValueError(f"{name} has 0 samples.")
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} has {plural(size, 'row')}" for name, size in sizes.items())
        raise ValueError(f"All arguments need the same number of rows, one per sample; but {listed}.")
    return next(iter(sizes.values()), 0)


def check_arguments(
    *,
    batch_size: Any = None,
    epochs: Any = None,
    initial_epoch: Any = 0,
    validation_split: Any = 0.0,
    steps_per_epoch: Any = None,
    rows: int | None = None,
    validation_batch_size: Any = None,
    validation_steps: Any = None,
    validation_rows: int | None = None,
    stacklevel: int = 2,
) -> None:
    """Check the numbers given to `fit` and its kin; None means not given.

    `rows` is how many samples came as arrays, before `validation_split` takes its part; None for streams.

    Raises:
        ValueError: for sizes that are not positive whole numbers, splits that leave a part empty, and more steps
            than the arrays have batches.

    Warns when no epoch would be trained.
    """
    for name, value in (("batch_size", batch_size), ("validation_batch_size", validation_batch_size)):
        _check_count(name, value, 1)
    for name, value in (("steps_per_epoch", steps_per_epoch), ("validation_steps", validation_steps)):
        _check_count(name, value, 1)
    _check_count("epochs", epochs, 0)
    _check_count("initial_epoch", initial_epoch, 0)
    if epochs is not None and (initial_epoch or 0) >= epochs:
        first = f"initial_epoch={initial_epoch} is not below " if initial_epoch else ""
        _warn(f"Nothing to train: {first}epochs={epochs}.", stacklevel)
    if validation_split:
        held_out = _split_rows(validation_split, rows)
        rows, validation_rows = (None, None) if rows is None else (rows - held_out, held_out)
    _check_steps("steps_per_epoch", steps_per_epoch, rows, batch_size)
    _check_steps("validation_steps", validation_steps, validation_rows, validation_batch_size or batch_size)


def _check_count(name: str, value: Any, low: int) -> None:
    if value is None:
        return
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < low:
        raise ValueError(f"{name} must be a whole number of at least {low}, got {value!r:.40}.")


def _split_rows(split: Any, rows: int | None) -> int:
    """How many rows the split holds out; 0 when the number of rows is unknown."""
    number = isinstance(split, int | float | np.number) and not isinstance(split, bool)
    if not number or not 0 <= split < 1:
        raise ValueError(f"validation_split must be a fraction from 0 up to, not including, 1, got {split!r:.40}.")
    if rows is None:
        return 0
    kept = math.floor(rows * (1.0 - split))
    if kept in (0, rows):
        raise ValueError(
            f"validation_split={split} leaves {kept} of {plural(rows, 'row')} for training and {rows - kept} for "
            "validation: both need at least one. Give more data or another fraction."
        )
    return rows - kept


def _check_steps(name: str, steps: int | None, rows: int | None, batch_size: int | None) -> None:
    if steps is None or rows is None:
        return
    size = batch_size or 32
    batches = -(-rows // size)
    if steps > batches:
        raise ValueError(
            f"{name}={steps} is more than the data hold: {plural(rows, 'row')} make {plural(batches, 'batch')} "
            f"of {size}. Leave {name} out to use all of them."
        )


# Inputs


def check_inputs(x: Sequence[np.ndarray], facts: Sequence[InputFacts], what: str = "x") -> list[np.ndarray]:
    """Check the model's inputs, and return them in the rank that the model takes.

    A missing last axis of size 1 is added (images without channels, one number per sample), a superfluous one is
    removed; nothing is copied. Values must be finite; indices of an Embedding must be whole and within its table.

    Raises:
        ValueError: naming the argument, the row and the remedy.
    """
    names = [fact.name for fact in facts]
    if len(x) != len(facts):
        raise ValueError(
            f"{what} has {plural(len(x), 'array')}; the model has {plural(len(facts), 'input')} ({', '.join(names)})."
        )
    checked = []
    for i, (array, fact) in enumerate(zip(x, facts, strict=True)):
        name = _label(what, names, i)
        check_rows({name: [array]})
        array = _fit_shape(array, fact.shape, name)
        if enabled():
            _check_finite(array, name)
            _check_indices(array, fact, name)
        checked.append(array)
    return checked


def _fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    return len(shape) == len(expected) and all(
        want is None or have == want for have, want in zip(shape, expected, strict=True)
    )


def _fit_shape(array: np.ndarray, expected: tuple[int | None, ...] | None, what: str) -> np.ndarray:
    if expected is None:
        return array
    expected = (None, *expected[1:])  # a fixed batch size is the trainer's affair, not that of whole arrays
    shape = array.shape
    if _fits(shape, expected):
        return array
    if expected[-1] == 1 and _fits((*shape, 1), expected):
        return array[..., None]
    if shape[-1] == 1 and _fits(shape[:-1], expected):
        return array[..., 0]
    _refuse_shape(shape, expected, what)


def _refuse_shape(shape: tuple[int, ...], expected: tuple[int | None, ...], what: str) -> NoReturn:
    sample, wanted = shape[1:], expected[1:]
    got = f"{what} has shape {shape}; the model expects {_shown(expected)}"
    if _fits(shape, wanted) or (wanted and wanted[-1] == 1 and _fits((*shape, 1), wanted)):
        raise ValueError(f"{got}: got one sample without a batch axis; use {what}[None].")
    if len(sample) == len(wanted) == 1:
        raise ValueError(f"{what} has {plural(sample[0], 'feature')} (shape {shape}); the model expects {wanted[0]}.")
    if len(sample) == len(wanted) >= 2:
        if _fits((*sample[1:], sample[0]), wanted):
            raise ValueError(f"{got}: the axes look swapped (channels first); use np.moveaxis({what}, 1, -1).")
        if _fits((sample[-1], *sample[:-1]), wanted):
            raise ValueError(f"{got}: the axes look swapped (channels last); use np.moveaxis({what}, -1, 1).")
    sizes = [size for size in wanted if size is not None]
    if len(sizes) == len(wanted) and math.prod(sample) == math.prod(sizes):
        target = ", ".join(map(str, (-1, *sizes)))
        raise ValueError(f"{got}: each sample has the right number of values; use {what}.reshape({target}).")
    raise ValueError(f"{got}.")


def _check_indices(array: np.ndarray, fact: InputFacts, what: str) -> None:
    limit = fact.index_limit
    if limit is None:
        return
    _check_whole(array, what, "index", "an Embedding takes whole numbers")
    found = _outside(array, 0, limit - 1)
    if found is None:
        return
    value, highest = int(array[found.index]), int(array.max())
    owner = f"Embedding {fact.layer!r}" if fact.layer else "the Embedding"
    remedies = []
    if highest >= limit:
        remedies.append(f"input_dim must be at least {highest + 1} for these data")
    if int(array.min()) < 0:
        remedies.append("indices must not be negative; keep 0 for padding or unknown entries")
    refuse(
        f"{what} has index {value} at {place(found.index)}, outside 0..{limit - 1} of {owner} "
        f"(input_dim={limit}; {plural(found.rows, 'bad row')}): {'; '.join(remedies)}."
    )


# Targets


def check_targets(
    y: Sequence[np.ndarray | None], facts: Sequence[OutputFacts], what: str = "y", *, stacklevel: int = 2
) -> list[np.ndarray | None]:
    """Check that targets suit the outputs and their losses, and return them unchanged.

    Shapes must be equal, save for one last axis of size 1; a sparse loss takes the output's shape without its last
    axis. Labels must be whole numbers among the model's classes, binary labels lie in [0, 1], all others be finite.
    Targets of a user's own loss function are only counted: NaN may be how they mark missing entries.

    Raises:
        ValueError: naming the argument, the row or shape, and the remedy.

    Warns when rows of categorical targets do not sum to 1.
    """
    names = [fact.name for fact in facts]
    if len(y) != len(facts):
        raise ValueError(
            f"{what} has {plural(len(y), 'array')}; the model has {plural(len(facts), 'output')} ({', '.join(names)})."
        )
    for i, (target, fact) in enumerate(zip(y, facts, strict=True)):
        if target is None:
            continue
        name = _label(what, names, i)
        check_rows({name: [target]})
        _check_target_shape(target, fact, name)
        if enabled() and fact.loss is not None:
            _check_finite(target, name)
            _check_target_values(target, fact, name, stacklevel + 1)
    return list(y)


def _check_target_shape(y: np.ndarray, fact: OutputFacts, what: str) -> None:
    output = (None, *fact.shape[1:])
    classes = output[:-1] if len(output) > 1 else output
    is_classes = _fits(y.shape, classes) or _fits(y.shape, (*classes, 1))
    if fact.loss in SPARSE:
        if is_classes:
            return
        if _fits(y.shape, output):
            raise ValueError(
                f"{what} has shape {y.shape}, which looks one-hot, and {fact.loss} takes class numbers of shape "
                f"{_shown(classes)}: use categorical_crossentropy, or pass {what}.argmax(axis=-1)."
            )
        raise ValueError(f"{what} has shape {y.shape}; {fact.loss} expects class numbers of shape {_shown(classes)}.")
    if fact.loss not in SAME_SHAPE | CATEGORICAL or _is_same_shape(y.shape, output):
        return
    remedy = ""
    if is_classes and fact.loss in CATEGORICAL:
        remedy = ": it is class numbers; use sparse_categorical_crossentropy, or to_categorical to make it one-hot"
    elif is_classes and fact.loss in BINARY:
        remedy = ": for class numbers use sparse_categorical_crossentropy with softmax, for yes or no use 1 unit"
    elif is_classes:
        columns = "one column per output unit" if output[-1] is None else f"{output[-1]} columns"
        remedy = f": it would be repeated over the outputs; give it {columns}, or end the model with 1 unit"
    raise ValueError(
        f"{what} has shape {y.shape}; {fact.loss} expects the shape of the output, {_shown(output)}{remedy}."
    )


def _is_same_shape(shape: tuple[int, ...], output: tuple[int | None, ...]) -> bool:
    """Equal shapes, where one side may lack a last axis of size 1."""
    if _fits(shape, output):
        return True
    return (output[-1] == 1 and _fits(shape, output[:-1])) or (shape[-1] == 1 and _fits(shape[:-1], output))


def _check_target_values(y: np.ndarray, fact: OutputFacts, what: str, stacklevel: int) -> None:
    if fact.loss in SPARSE:
        _check_labels(y, fact, what)
    elif fact.loss in BINARY:
        _check_binary(y, what)
    elif fact.loss in CATEGORICAL:
        _check_distributions(y, what, stacklevel + 1)


def _check_labels(y: np.ndarray, fact: OutputFacts, what: str) -> None:
    remedy = "labels are class numbers; for real values use a regression loss such as mean_squared_error"
    _check_whole(y, what, "label", remedy)
    units = fact.units
    if units is None:
        return
    found = _outside(y, 0, units - 1, fact.ignore_class)
    if found is None:
        return
    labels = y if fact.ignore_class is None else y[y != fact.ignore_class]
    low, high = int(labels.min()), int(labels.max())
    if low >= 1 and high == units:
        hint = f"labels run from {low} to {high}: subtract 1 ({what} - 1)"
    elif low >= 0:
        hint = f"give the model {high + 1} output units, or renumber the labels"
    else:
        hint = "labels must not be negative; ignore_class in the loss leaves out one of them"
    refuse(
        f"{what} has label {int(y[found.index])} at {place(found.index)}; the model has "
        f"{plural(units, 'output')} (0..{units - 1}; {plural(found.rows, 'bad row')}): {hint}."
    )


def _check_binary(y: np.ndarray, what: str) -> None:
    found = _outside(y, 0, 1)
    if found is None:
        return
    low, high = float(y.min()), float(y.max())
    hint = "scale or threshold them"
    if (low, high) == (-1, 1):
        hint = f"for -1/+1 pass ({what} + 1) / 2"
    elif (low, high) == (1, 2):
        hint = f"for 1/2 pass {what} - 1"
    elif low >= 0 and high == int(high) <= 1000:
        hint = f"for {int(high) + 1} classes use sparse_categorical_crossentropy and as many softmax units"
    refuse(
        f"{what} has label {float(y[found.index]):g} at {place(found.index)} ({plural(found.rows, 'bad row')}): "
        f"binary labels must be 0/1 (or in [0, 1]); {hint}."
    )


def _check_distributions(y: np.ndarray, what: str, stacklevel: int) -> None:
    if y.ndim < 2:
        return
    # Summed in float64 whatever comes: uint8 would wrap, float16 would round.
    found = find(y, lambda part: np.abs(part.sum(axis=-1, dtype=np.float64) - 1) > 1e-2)
    if found is None:
        return
    total = float(y[found.index].sum(dtype=np.float64))
    _warn(
        f"{what} does not sum to 1 in {plural(found.rows, 'row')} (first: {total:g} at {place(found.index)}), "
        "as categorical crossentropy expects: make the targets one-hot or probabilities; "
        "for several labels per sample use binary_crossentropy with sigmoid.",
        stacklevel,
    )


# Weights


def check_weights(
    sample_weight: Sequence[np.ndarray | None] | None,
    class_weight: Mapping[int, float] | None,
    y: Sequence[np.ndarray | None],
    facts: Sequence[OutputFacts],
    what: str = "sample_weight",
    *,
    allow_negative: bool = False,
) -> None:
    """Check that sample weights are finite, not negative and of a shape that suits, and that classes have weights.

    Raises:
        ValueError: naming the row or the class, and the remedy.
    """
    if sample_weight is not None and class_weight is not None:
        raise ValueError(f"{what} and class_weight cannot be used together: multiply them into one {what}.")
    sample_weight = sample_weight or ()
    for i, weight in enumerate(sample_weight):
        if weight is not None:
            name = what if len(sample_weight) == 1 else f"{what}[{i}]"
            _check_sample_weight(weight, facts[min(i, len(facts) - 1)] if facts else None, name, allow_negative)
    if class_weight is not None:
        _check_class_weight(class_weight, y, facts)


def _check_sample_weight(weight: np.ndarray, fact: OutputFacts | None, what: str, allow_negative: bool) -> None:
    check_rows({what: [weight]})
    if fact is not None and weight.ndim > 1:
        steps = fact.shape[1:-1]
        sizes = weight.shape[1:-1] if weight.shape[-1] == 1 else weight.shape[1:]
        if not (_fits(sizes, steps[: len(sizes)]) or _fits(weight.shape[1:], steps)):
            allowed = "(n,)" if not steps else f"(n,) or {_shown((None, *steps))}"
            raise ValueError(f"{what} has shape {weight.shape}; output {fact.name!r} takes weights of shape {allowed}.")
    if not enabled():
        return
    _check_finite(weight, what)
    found = None if allow_negative else _outside(weight, 0, math.inf)
    if found is not None:
        refuse(
            f"{what} has {float(weight[found.index]):g} at {place(found.index)} ({plural(found.rows, 'bad row')}): "
            "a negative weight makes training raise the loss; weights must be 0 or more."
        )


def _check_class_weight(
    weights: Mapping[int, float], y: Sequence[np.ndarray | None], facts: Sequence[OutputFacts]
) -> None:
    if not isinstance(weights, Mapping):
        raise ValueError(f"class_weight must be a dict from class number to weight, got {type(weights).__name__}.")
    if len(facts) != 1:
        raise ValueError(f"class_weight works with one output; the model has {len(facts)}. Use sample_weight.")
    for label, weight in weights.items():
        if not isinstance(label, int | float | np.number) or label != int(label):
            raise ValueError(
                f"class_weight has the key {label!r:.40}; keys are class numbers, as in {{0: 1.0, 1: 5.0}}."
            )
        if not isinstance(weight, int | float | np.number):
            raise ValueError(f"class_weight gives class {label} a {type(weight).__name__}; weights are numbers.")
        if enabled() and not (math.isfinite(weight) and weight >= 0):
            refuse(f"class_weight gives class {label} the weight {weight}: weights must be finite and 0 or more.")
    if not enabled():
        return
    _check_known_classes(weights, facts[0])
    if y and y[0] is not None:
        present = _classes(y[0], facts[0]) - {facts[0].ignore_class}
        missing = sorted(present - {int(label) for label in weights})
        if missing:
            refuse(
                f"class_weight has no weight for {'class' if len(missing) == 1 else 'classes'} "
                f"{_listed(missing)}, found in y: add {missing[0]}: 1.0 to weight it as usual."
            )


def _check_known_classes(weights: Mapping[int, float], fact: OutputFacts) -> None:
    if fact.loss not in SPARSE | CATEGORICAL | BINARY or fact.units is None:
        return
    number = 2 if fact.units == 1 else fact.units
    unknown = sorted(int(label) for label in weights if not 0 <= label < number)
    if unknown:
        refuse(f"class_weight has a weight for {_listed(unknown)}, but the model's classes are 0..{number - 1}.")


def _classes(y: np.ndarray, fact: OutputFacts) -> set[int]:
    """The class numbers in labels, or in one-hot rows unless the loss is a sparse one."""
    is_one_hot = fact.loss not in SPARSE and y.ndim > 1 and y.shape[-1] > 1
    found: set[int] = set()
    for _, part in _chunks(y):
        labels = part.argmax(axis=-1) if is_one_hot else np.round(part.astype(np.float64))
        found.update(int(label) for label in np.unique(labels[np.isfinite(labels)]))
    return found


def _listed(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values[:5])) + (", ..." if len(values) > 5 else "")


# Configuration


def check_configuration(facts: Sequence[OutputFacts], *, stacklevel: int = 2) -> None:
    """Check that each output's activation, loss and metrics belong together; call it before looking at targets.

    Raises:
        ValueError: for outputs that are constant, or losses that are always 0.

    Warns of losses that read unscaled outputs as probabilities, of a second softmax or sigmoid, and of accuracy
    measured on a regression.
    """
    for fact in facts:
        where = "The output" if len(facts) == 1 else f"Output {fact.name!r}"
        _check_single_unit(fact, where)
        _check_probabilities(fact, where, stacklevel + 1)
        accuracies = sorted(ACCURACIES.intersection(fact.metrics))
        if fact.loss in REGRESSION and accuracies:
            _warn(
                f"{where} has the regression loss {fact.loss} and the metric {accuracies[0]!r}, which counts exact "
                "matches and stays near 0: use 'mae' or 'r2_score', or a crossentropy loss if these are classes.",
                stacklevel,
            )


def _check_single_unit(fact: OutputFacts, where: str) -> None:
    if fact.units != 1 or len(fact.shape) < 2 or fact.loss is None:
        return
    if fact.activation == "softmax":
        raise ValueError(f"{where} is softmax over 1 unit, which is always 1: use sigmoid with binary_crossentropy.")
    if fact.loss in SPARSE | CATEGORICAL:
        raise ValueError(
            f"{where} has 1 unit, and {fact.loss} over 1 class is always 0: use sigmoid with binary_crossentropy "
            "for two classes, or one unit per class."
        )


def _check_probabilities(fact: OutputFacts, where: str, stacklevel: int) -> None:
    if fact.loss not in SPARSE | CATEGORICAL | BINARY:
        return
    usual = "sigmoid" if fact.loss in BINARY else "softmax"
    if fact.from_logits and fact.activation in ("softmax", "sigmoid"):
        _warn(
            f"{where} is {fact.activation}, and {fact.loss} has from_logits=True, so {usual} would be applied on top "
            f"of it: drop from_logits=True, or the {fact.activation}.",
            stacklevel,
        )
    if not fact.from_logits and fact.activation in UNBOUNDED:
        _warn(
            f"{where} is {fact.activation}, but {fact.loss} reads it as probabilities: "
            f"pass from_logits=True to the loss, or end the model with {usual}.",
            stacklevel,
        )


def check_split(
    y: Sequence[np.ndarray | None], facts: Sequence[OutputFacts], validation_split: float, *, stacklevel: int = 2
) -> None:
    """Warn when the rows that `validation_split` takes, the last ones, hold classes absent from all others."""
    if not validation_split or not enabled():
        return
    for target, fact in zip(y, facts, strict=False):
        if target is None or fact.loss not in SPARSE | CATEGORICAL | BINARY:
            continue
        if fact.loss in BINARY and fact.units != 1:
            continue  # independent yes or no per unit, not classes
        kept = math.floor(len(target) * (1.0 - validation_split))
        unseen = sorted(_classes(target[kept:], fact) - _classes(target[:kept], fact) - {fact.ignore_class})
        if unseen:
            _warn(
                f"validation_split={validation_split} takes the last {plural(len(target) - kept, 'row')} of the data, "
                f"where class {_listed(unseen)} occurs and which training would never see: "
                "the data look sorted; shuffle them first.",
                stacklevel,
            )


def check_index_order(groups: Mapping[str, Any], *, stacklevel: int = 2) -> None:
    """Warn when pandas arguments carry equal labels in another order, since rows are paired by position.

    `groups` maps names to arguments as the user gave them: `{"x": frame, "y": series}`; others are passed over.
    """
    indexed = [(what, data.index) for what, data in groups.items() if hasattr(getattr(data, "index", None), "equals")]
    for (first, ours), (what, theirs) in pairwise(indexed):
        if len(ours) == len(theirs) and not ours.equals(theirs) and set(ours) == set(theirs):
            _warn(
                f"{first} and {what} hold the same index labels in another order, but rows are paired by position: "
                f"pass {what}.loc[{first}.index] if the labels should decide.",
                stacklevel,
            )
