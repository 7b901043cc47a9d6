"""Several processes that train one model hold what they are about to do against each other.

Without that, other seeds in one of them give wrong losses, equal everywhere and without an error, and other data
something that nobody asked for.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import jax
import numpy as np

from ..core import peers, placement, rng
from ..core.variable import Variable
from ..core.warning import warn
from ..data.source import sample_of
from . import resume

if TYPE_CHECKING:
    from ..model import Model
    from .resume import ResumePoint

_ADVICE = (
    "All processes run one script, on the same data: call `sequax.distribution.initialize()` at its top, draw random"
    " numbers from NumPy or Sequax, and pass `DataParallel(auto_shard_dataset=False)` for data sets that give each"
    " process rows of its own."
)


def compare(point: ResumePoint, epochs: int, weights: list[str]) -> None:
    """Compare the beginning of a run in all its processes.

    Args:
        epochs: to be trained.
        weights: what `values_of` gave before they were moved: afterwards no process may have all of them.

    Raises:
        ValueError: in all of them, naming the first difference.
    """
    _compare(_facts(point, epochs) | {"values of weights": weights}, "the beginning of fit()")


def compare_data(found: Mapping[str, Any], what: str) -> None:
    """Compare the data of a call in all processes; rows of others would stand between those of one's own.

    Args:
        found: what says which data these are, such as the `resume_signature` of a source.
        what: the call.

    Raises:
        ValueError: as `compare`.
    """
    _compare(json.loads(json.dumps({"x and y": found})), what)


_compared: WeakKeyDictionary[Model, set[str]] = WeakKeyDictionary()


def compare_first(model: Model, arrays: object, what: str) -> None:
    """The same for single batches, of which only the first is compared: their steps take little longer than telling."""
    known = _compared.setdefault(model, set())
    if what not in known:
        known.add(what)
        compare_data(sample_of(arrays), what)


def _compare(facts: dict[str, Any], what: str) -> None:
    digests = peers.gathered({field: _digest(value) for field, value in facts.items()}, what)
    for field in facts:
        differing = [number for number, other in enumerate(digests) if other.get(field) != digests[0].get(field)]
        if differing:
            first = differing[0]
            values = peers.gathered(facts[field] if peers.index() in (0, first) else None, "a difference")
            peers.parted()
            there, here = resume.first_difference(values[first], values[0])
            raise ValueError(
                f"The processes of this run do not do the same: in process {first}, {field} "
                f"{'are' if field.endswith('s') else 'is'} {there!s:.200}, and in process 0 {here!s:.200}. {_ADVICE}"
            )


def warn_of_separate(model: Model) -> None:
    """Say so where each of several processes trains a model of its own, and nobody has asked for that."""
    if peers.count() > 1 and peers.leads() and not placement.is_chosen(model):  # once for each model
        warn(
            f"Each of the {peers.count()} processes trains a model '{model.name}' of its own. `fit(..., devices='all')`"
            f" trains one on the devices of all; `devices=1` says that this is meant."
        )


def _facts(point: ResumePoint, epochs: int) -> dict[str, Any]:
    facts = json.loads(json.dumps(point.resume_signature()))
    source = point.source
    if not source.place.own_rows:
        facts["first batches"] = json.loads(json.dumps(source.state()))
    # What writes or shows may be in process 0 alone.
    facts["callbacks"] = [type(one).__name__ for one in point.callbacks if getattr(one, "in_all_processes", False)]
    facts["epochs"] = [point.epoch, epochs]
    facts["random numbers"] = rng.state()["seeds"]
    return dict(facts)


def values_of(model: Model) -> list[str]:
    """Checksums of all that a model holds."""
    return [f"{variable.path}: {_of_variable(variable):08x}" for variable in model.state_variables]


def _of_variable(variable: Variable) -> int:
    """A checksum of the values; of an array that is cut over processes, of its shape."""
    array: jax.Array = variable.stored
    if not array.is_fully_addressable and not array.is_fully_replicated:
        return zlib.crc32(repr(array.shape).encode())
    return zlib.crc32(np.asarray(array.addressable_data(0)).tobytes())


def _digest(value: object) -> int:
    return zlib.crc32(json.dumps(value, sort_keys=True).encode())
