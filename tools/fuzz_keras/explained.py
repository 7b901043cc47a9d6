"""Differences that are on purpose: each names its row of `docs/differences.md`, and knows when it applies."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .case import Case
from .compare import Difference
from .trace import Trace


class Explained(NamedTuple):
    """`row` is how the row begins; `fits` says whether a difference is one of those it speaks of."""

    row: str
    fits: Callable[[Case, Difference], bool]


def refused(difference: Difference, *words: str) -> bool:
    """Whether only Sequax refuses, with these words."""
    ours, theirs = difference.ours.refusal, difference.theirs.refusal
    return ours is not None and theirs is None and all(word in str(ours) for word in words)


def finite(trace: Trace) -> bool:
    """Whether all numbers in the logs of a run are."""
    results = [note for name, note in trace.notes.items() if name.endswith(": result") and isinstance(note, dict)]
    logs = [value for note in results for value in note.values()]
    return all(np.isfinite(np.asarray(value, float)).all() for value in logs)


def diverges(case: Case, difference: Difference) -> bool:
    """Keras trains on to NaN where we stop."""
    return isinstance(difference.ours.refusal, FloatingPointError) and not finite(difference.theirs)


def masked(case: Case, difference: Difference) -> bool:
    """Metrics, not losses, while training on inputs that have a mask."""
    has_mask = any(source.padded for source in case.sources) or any("Masking" in layer.path for layer in case.layers)
    trained = difference.kind == "result" and ("fit" in difference.note or "train_on_batch" in difference.note)
    keys = [part.split(": ")[0] for part in difference.text.split("; ")]
    return has_mask and trained and not any(key.endswith("loss") or key.startswith("val_") for key in keys)


def kept(case: Case, difference: Difference) -> bool:
    """An argument that Keras leaves out of a config, or a policy whose half it leaves out."""
    halved = "SpatialDropout" in repr(case.layers) and "'mixed_bfloat16' in place of 'float32'" in difference.text
    return difference.kind == "config" and (difference.text.endswith("only in Sequax") or halved)


def leaks(case: Case, difference: Difference) -> bool:
    """Keras makes constants while it traces, and keeps them for the next call."""
    normalizes = any("layers.Normalization" in repr(layer) for layer in case.layers)
    error = type(difference.theirs.refusal).__name__
    return normalizes and difference.ours.refusal is None and error == "UnexpectedTracerError"


def regressors(case: Case, difference: Difference) -> bool:
    """Keras asks in Python how many rows there were."""
    error = type(difference.theirs.refusal).__name__
    return "num_regressors" in repr(case.heads) and difference.ours.refusal is None and "Bool" in error


def counts(case: Case, difference: Difference) -> bool:
    """The third variable of a dynamic loss scale, where all is frozen."""
    scaled = case.optimizer.path.endswith("LossScaleOptimizer") and difference.kind == "optimizer"
    return scaled and difference.text.startswith("array 2: ") and ";" not in difference.text


def normalizes(case: Case, difference: Difference) -> bool:
    """Keras divides by the length of a row, 0 or not."""
    return "normalize=True" in repr(case.layers) and not finite(difference.theirs)


def donated(case: Case, difference: Difference) -> bool:
    """Keras gives the same buffer away twice, and finds variables without values afterwards."""
    words = "'NoneType' object is not callable", "donate the same buffer twice"
    averages = "use_ema" in repr(case.optimizer) and difference.kind == "refusal"
    return averages and any(word in str(difference.theirs.refusal) for word in words)


def cut(case: Case, difference: Difference) -> bool:
    """Keras takes whole multiples of the batches per compiled call, even beyond the steps of an epoch."""
    together = case.settings.get("steps_per_execution", 1)
    steps = [step.settings.get("steps_per_epoch") or step.settings.get("steps") or 0 for step in case.steps]
    return any(count % together for count in steps) and difference.kind not in ("refusal", "config")


def whole_numbers(case: Case, difference: Difference) -> bool:
    """Keras hands whole numbers to a convolution as they are."""
    said = str(difference.theirs.refusal)
    return difference.ours.refusal is None and "requires arguments to have the same dtypes, got int32" in said


def columns(case: Case, difference: Difference) -> bool:
    """Keras makes rows of zeros and ones of class numbers without taking off their last axis."""
    error = str(difference.theirs.refusal)
    loss = "CategoricalGeneralizedCrossEntropy" in repr(case.heads)
    return loss and difference.ours.refusal is None and "Incompatible shapes for broadcasting" in error


def masked_whole(case: Case, difference: Difference) -> bool:
    """Keras divides by the number of steps that count, where none does."""
    averages = any("GlobalAveragePooling1D" in layer.path for layer in case.layers)
    return averages and any(source.padded for source in case.sources) and not finite(difference.theirs)


def beyond(case: Case, difference: Difference) -> bool:
    """Windows of Keras end beyond the input."""
    return any("AdaptiveMaxPooling" in layer.path for layer in case.layers) and not finite(difference.theirs)


def labels_last(case: Case, difference: Difference) -> bool:
    """Keras takes labels as columns only."""
    said = str(difference.theirs.refusal)
    return difference.ours.refusal is None and "must have rank 2 when `multi_label=True`" in said


def one_cell(case: Case, difference: Difference) -> bool:
    """Keras loses the list around the states of a single cell, or cannot build such a model."""
    words = "Unable to automatically build", "list arity mismatch", "Expected an instance of list"
    stacked = "cell=[" in repr(case.layers) or "StackedRNNCells" in repr(case.layers)
    return stacked and any(word in str(difference.theirs.refusal) for word in words)


def steps_masked(case: Case, difference: Difference) -> bool:
    """Keras takes the shape of the weights for that of the mask."""
    normalizes = any("BatchNormalization" in repr(layer) for layer in case.layers)
    return normalizes and difference.ours.refusal is None and "tuple index out" in str(difference.theirs.refusal)


def weighted_columns(case: Case, difference: Difference) -> bool:
    """Keras flattens predictions, and not the weights of their rows."""
    said = str(difference.theirs.refusal)
    return "BinaryIoU" in repr(case.heads) and "Incompatible types for broadcasting" in said


def passes_on(case: Case, difference: Difference) -> bool:
    """Epochs of some steps over a data set whose batches they do not divide."""
    ends = False
    for step in case.steps:
        steps = step.settings.get("steps_per_epoch")
        if steps and step.settings.get("feed") == "dataset":
            batches = -(-case.rows // step.settings["batch_size"])
            ends |= batches % steps != 0 and batches < steps * step.settings["epochs"]
    return ends and difference.kind not in ("refusal", "config")


def rounds(case: Case, difference: Difference) -> bool:
    """Rounds of gradients of batches that have not all as many rows."""
    sizes: set[int] = set()
    for step in case.steps:
        if step.method == "train_on_batch":
            sizes.add(step.settings.get("rows", case.rows))
        elif step.method == "fit":
            rows, size = (
                int(case.rows * (1 - (step.settings.get("validation_split") or 0))),
                step.settings["batch_size"],
            )
            sizes |= {min(size, rows), rows % size or min(size, rows)}
    accumulates = "gradient_accumulation_steps" in repr(case.optimizer)
    return accumulates and len(sizes) > 1 and difference.kind not in ("refusal", "config")


def pairs(case: Case, difference: Difference) -> bool:
    """Metrics of Keras that broadcast targets without a last axis against outputs with one."""
    flat = any(head.form == "flat" and ("Hinge" in repr(head) or "KLDivergence" in repr(head)) for head in case.heads)
    keys = [part.split(": ")[0] for part in difference.text.split("; ")]
    return flat and difference.kind == "result" and not any(key.endswith("loss") for key in keys)


TABLE = (
    Explained("| `gradient_accumulation_steps` and a short batch |", rounds),
    Explained("| metrics `Hinge`, `SquaredHinge`, `CategoricalHinge`, `KLDivergence` of targets `(n,)` |", pairs),
    Explained("| `RNN` over a list of one cell |", one_cell),
    Explained("| `BatchNormalization` behind a mask, in a training step with weights of rows |", steps_masked),
    Explained("| `BinaryIoU` of several columns among `weighted_metrics` |", weighted_columns),
    Explained("| a `PyDataset` or loader that ends inside an epoch of `steps_per_epoch` |", passes_on),
    Explained("| `AUC(multi_label=True)` of other shapes", labels_last),
    Explained("| `GlobalAveragePooling1D` of a sample that is masked whole |", masked_whole),
    Explained("| adaptive maximum pooling to sizes such as 13 of 14 |", beyond),
    Explained("| whole numbers into a transposed convolution |", whole_numbers),
    Explained("| class numbers of shape `(batch, steps, 1)` for `CategoricalGeneralizedCrossEntropy` |", columns),
    Explained("| the gradient of `Dot(normalize=True)` at a row of zeros |", normalizes),
    Explained("| a dynamic loss scale while nothing is trainable |", counts),
    Explained("| `R2Score(num_regressors=...)` in `compile` |", regressors),
    Explained("| a second call that trains, with `use_ema=True` |", donated),
    Explained("| `steps_per_execution` |", cut),
    Explained("| `Normalization(mean=..., variance=...)` in a subclassed model |", leaks),
    Explained("| loss becomes NaN or infinite |", diverges),
    Explained("| configs of `Huber(delta)`", kept),
    Explained("| metrics of `fit` on masked outputs |", masked),
)


def row(case: Case, difference: Difference) -> str | None:
    """How the row begins that explains a difference; None if none does."""
    return next((each.row for each in TABLE if each.fits(case, difference)), None)
