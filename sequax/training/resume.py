"""Where a call of `fit` stands: what is saved, so that another process goes on from there to the same bits."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from .._version import __version__
from ..core import pure, rng
from ..core.catalogue import serialize
from ..core.errors import LoadError
from ..core.placement import DEVICE
from ..data.source import BatchSource
from ..saving.snapshot import Snapshot, check_state
from .resolve import compilation_of

if TYPE_CHECKING:
    from ..callbacks import CallbackList
    from ..model import Model
    from .fit import TrainJob


class ResumePoint:
    """One call of `fit`; callbacks get it by `on_safe_point`, when nothing is on its way.

    Attributes:
        model: the model at work.
        epoch, step: what comes next: this step of this epoch, both counted from 0.
        before: steps of the epochs before this one.
        logs: of the last epoch.
        resumed: whether it continues an earlier run.
    """

    job: TrainJob
    source: BatchSource
    validation: BatchSource | None
    callbacks: CallbackList
    epoch: int
    step: int
    before: int

    def __init__(
        self, job: TrainJob, source: BatchSource, validation: BatchSource | None, callbacks: CallbackList, epoch: int
    ):
        self.job, self.source, self.validation, self.callbacks = job, source, validation, callbacks
        self.model: Model = job.model
        self.epoch, self.step, self.before = epoch, 0, 0
        self.logs: dict[str, float] = {}
        self.resumed: bool = False
        self._signature: dict[str, Any] | None = None
        self._at_epoch: dict[str, Any] = {}
        self._snapshot: Snapshot | None = None
        self._may_be_saved = callbacks.watches_safe_points
        self.at(epoch)

    def at(self, epoch: int, step: int = 0) -> ResumePoint:
        """Note a new position."""
        self.epoch, self.step = epoch, step
        if step == 0 and self._may_be_saved:
            self._at_epoch = {"source": self.source.state(), **(_drawn() if self.source.draws else {})}
        return self

    @property
    def total(self) -> int:
        """Steps done in all epochs."""
        return self.before + self.step

    @property
    def put_off(self) -> bool:
        """Whether a callback has ended it for now, as a limit of time does: it is to go on another time."""
        return any(getattr(callback, "ended", False) for callback in self.callbacks)

    @property
    def cut_short(self) -> bool:
        """Whether that was inside an epoch, so that what follows is no place to go on from."""
        return any(getattr(callback, "cut_short", False) for callback in self.callbacks)

    def resume_signature(self) -> dict[str, Any]:
        """What a run that continues this one must have in common with it, as it was when first asked for."""
        if self._signature is None:
            model = self.model
            self._signature = {
                "sequax": __version__,
                "model": [_described(layer) for layer in model.flatten_layers()],
                "weights": [f"{v.name} {v.dtype}{list(v.shape)}" for v in model.state_variables],
                "optimizer": _described(model.optimizer),
                "loss and metrics": _plain(_compiled_with(model)),
                "augmentation": [_described(layer) for layer in compilation_of(model).augment] or None,
                "x and y": self.source.resume_signature(),
                "validation_data": None if self.validation is None else self.validation.resume_signature(),
                "callbacks": [type(callback).__name__ for callback in self.callbacks.lasting],
            }
        return self._signature

    def snapshot(self) -> Snapshot:
        """The run as it stands."""
        arrays: dict[str, np.ndarray] = {}
        for field, table in self._tables().items():
            arrays |= {f"{field}/{key}": DEVICE.fetch(value) for key, value in pure.read(table).items()}
        state = {
            "epoch": self.epoch,
            "step": self.step,
            "before": self.before,
            "logs": self.logs,
            # Inside of an epoch, a thread has made batches ahead, and drawn for them: they will be made again.
            "at_epoch": self._at_epoch,
            "validation": None if self.validation is None else self.validation.state(),
            "callbacks": self.callbacks.state_dict(),
            "stop_training": bool(self.model.stop_training) and not self.put_off,
            "trainable": [bool(layer.trainable) for layer in self.model.flatten_layers()],
            "random": {**_drawn(), "sequax": rng.state()},
        }
        return Snapshot(arrays, self.resume_signature(), state)

    def restore(self, snapshot: Snapshot) -> None:
        """Continue from a snapshot.

        Raises:
            ValueError: if it belongs to another model, other data or other settings; nothing is changed then.
        """
        _compare(snapshot.signature, json.loads(json.dumps(self.resume_signature())))
        check_state(snapshot.state)
        state, model = snapshot.state, self.model
        for layer, trainable in zip(model.flatten_layers(), state["trainable"], strict=True):
            if layer.trainable != trainable:
                layer.trainable = trainable
        self.job.refresh()
        for field, table in self._tables().items():
            _compare_arrays(field, table, snapshot.arrays)
        try:
            self.source.restore(state["at_epoch"]["source"])
            if self.validation is not None:
                self.validation.restore(state["validation"])
            self._put_back(snapshot)  # after the sources, which may draw random numbers when they make batches again
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            raise LoadError(
                f"The saved run cannot be continued: its state is damaged ({type(error).__name__}: {error}). Remove the"
                f" snapshots to start over."
            ) from error
        model.stop_training = state["stop_training"]
        self.epoch, self.step, self.before, self.logs = (state[key] for key in ("epoch", "step", "before", "logs"))
        self._at_epoch = state["at_epoch"]
        self.resumed = True
        self._snapshot = snapshot if self.step else None

    def begin_epoch(self, epoch: int) -> int:
        """The step at which an epoch begins, after its `on_epoch_begin`; callbacks may just have changed things."""
        if self._snapshot is not None:
            # Inside of an epoch whose beginning the callbacks have seen before: what they did then is undone.
            self._put_back(self._snapshot)
            if self.source.draws:
                _redraw(self._at_epoch)
            self._snapshot = None
            return self.step
        self.at(epoch)
        return 0

    def _put_back(self, snapshot: Snapshot) -> None:
        for field, table in self._tables().items():
            arrays = {key: jax.numpy.asarray(snapshot.arrays[f"{field}/{key}"]) for key in table}
            pure.put(table, self.job.place.laid(table, arrays))
        self.callbacks.load_state_dict(snapshot.state["callbacks"])
        _redraw(snapshot.state["random"])
        rng.restore(snapshot.state["random"]["sequax"])

    def _tables(self) -> dict[str, dict[str, Any]]:
        held = self.job.variables
        # Trainable or not: what a callback froze or unfroze must not decide where a variable is kept.
        return {"model": {**held.params, **held.other}, "optimizer": held.optimizer, "metrics": held.metrics}


def _drawn() -> dict[str, Any]:
    """Where the random generators stand that every module may draw from."""
    return {"python": random.getstate(), "numpy": np.random.get_state()}


def _redraw(drawn: dict[str, Any]) -> None:
    random.setstate(drawn["python"])
    np.random.set_state(drawn["numpy"])


def _described(thing: Any) -> Any:
    """The class and settings of an object."""
    try:
        config = thing.get_config()
    except Exception:  # a layer of the user's without a config
        return type(thing).__name__
    return {"class": type(thing).__name__, **_unnamed(_plain(config))}


def _unnamed(value: object) -> Any:
    """Settings without names, which depend on what was made before, and without the lists of a model's layers."""
    if isinstance(value, list):
        return [_unnamed(one) for one in value]
    if isinstance(value, dict):
        left_out = ("name", "layers", "input_layers", "output_layers")
        return {key: _unnamed(one) for key, one in value.items() if key not in left_out}
    return value


def _compiled_with(model: Model) -> dict[str, Any]:
    compilation = compilation_of(model)
    given = (compilation.loss, compilation.loss_weights, compilation.given_metrics, compilation.given_weighted_metrics)
    return dict(zip(("loss", "loss_weights", "metrics", "weighted_metrics"), given, strict=True))


def _plain(value: object) -> Any:
    """A value as JSON has it, functions and objects by their names."""

    def named(thing: object) -> Any:
        try:
            return serialize(thing)
        except Exception:
            return getattr(thing, "__name__", type(thing).__name__)

    return json.loads(json.dumps(value, default=named, sort_keys=True))


def _compare(saved: dict[str, Any], now: dict[str, Any]) -> None:
    for field in now:
        if field == "sequax" or saved.get(field) == now[field]:
            continue
        was, is_now = first_difference(saved.get(field), now[field])
        raise ValueError(
            f"The saved run cannot be continued: its {field} differ{'' if field.endswith('s') else 's'}: it had"
            f" {was!s:.200}, this one has {is_now!s:.200}. Use what it used, or another folder for a new run."
        )


def first_difference(saved: object, now: object) -> tuple[Any, Any]:
    """The smallest part in which two values differ."""
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in [*saved, *(k for k in now if k not in saved)]:
            if saved.get(key) != now.get(key):
                was, is_now = first_difference(saved.get(key), now.get(key))
                return f"{key}={was!s}", f"{key}={is_now!s}"
    if isinstance(saved, list) and isinstance(now, list) and len(saved) == len(now):
        for was, is_now in zip(saved, now, strict=True):
            if was != is_now:
                return first_difference(was, is_now)
    return saved, now


def _compare_arrays(field: str, table: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    saved = {name.removeprefix(f"{field}/"): a for name, a in arrays.items() if name.startswith(f"{field}/")}
    for key in sorted({*saved, *table}):
        was = _kind(saved.get(key))
        now = _kind(table[key].stored if key in table else None)
        if was != now:
            raise ValueError(
                f"The saved run cannot be continued: variable {key!r} of its {field} is {was}, here it is {now}."
            )


def _kind(array: np.ndarray | jax.Array | None) -> str | None:
    return None if array is None else f"{array.dtype}{list(array.shape)}"
