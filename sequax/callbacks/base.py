"""`Callback`: code that runs at fixed moments of `fit`, `evaluate` and `predict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from ..core.constructor import Kept
from ..core.kinds import Kind, Owner

if TYPE_CHECKING:
    from ..model import Model
    from ..training.resume import ResumePoint

Logs = dict[str, float]
T = TypeVar("T")


class Frequency(Kind):
    """Once an epoch, or after so many batches."""

    expected = "'epoch' or a number of batches above 0"

    def resolve(self, value: Any, name: str, owner: Owner) -> str | int:
        whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
        return value if whole or value == "epoch" else self.refuse(value, name, owner)


SaveFrequency = Annotated[Literal["epoch"] | int, Frequency()]


class Callback(Kept):
    """Does something at fixed moments of training. Subclass it and override the hooks you need.

    `self.model` is the model at work and `self.params` holds `verbose`, `epochs` and `steps`. `logs` maps names to
    Python floats; entries written into `logs` by `on_epoch_end` are seen by the callbacks after it and stand in the
    history.

    Overriding a batch hook makes the loop return to Python after every batch, which costs speed on small models.
    Override `on_train_chunk_end` instead where any moment inside the epoch is good enough. A callback whose batch hook
    matters only under some arguments says so by setting `self.watches_batches = False` (or `True`).

    Where several processes train one model, hooks run in all of them, with equal logs; see `leads` and `agreed`.

    Hooks that Keras does not have: `on_run_begin`, `on_safe_point`, `on_train_chunk_end`, `on_test_chunk_end`,
    `on_predict_chunk_end`, `on_compile_begin`, `on_compile_end`, `on_close`, and the pair `state_dict` /
    `load_state_dict`. A callback that sets `every_steps` gets a safe point after each such number of steps.

    Example:

    >>> class Loss(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(f"epoch {epoch}: {logs['loss']}")
    >>> Loss().on_epoch_end(0, {"loss": 0.5})
    epoch 0: 0.5
    """

    watches_batches: bool | None = None
    in_all_processes = False  # whether it must not be missing in one of several that train one model
    every_steps: int | None = None

    def __init__(self) -> None:
        self.params: dict[str, Any] | Any = None
        self._model: Any = None

    @property
    def model(self) -> Any:
        """The model that is being trained, evaluated or used."""
        return getattr(self, "_model", None)

    @property
    def leads(self) -> bool:
        """Whether this process writes files and prints: of several that train one model together, the first."""
        return self._place is None or bool(self._place.leads)

    def agreed(self, value: T) -> T:
        """What process 0 has passed, where several train one model together; all of them call it.

        For what a clock or chance decides: all processes must do the same. Hooks run in all of them, with equal logs.

        Args:
            value: what JSON has.
        """
        return value if self._place is None else self._place.agreed(value)

    def say(self, text: str) -> None:
        """Print a line, in one process."""
        if self.leads:
            print(text)

    @property
    def _place(self) -> Any:
        from ..core import placement  # callbacks come in before JAX does

        return None if self.model is None else placement.where(self.model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Receives `verbose`, `epochs` and `steps` before anything else happens.

        Args:
            params: dict of these three.
        """
        self.params = params

    def set_model(self, model: Model) -> None:
        """Receives the model before anything else happens."""
        self._model = model

    # Training
    def on_train_begin(self, logs: Logs | Any = None) -> None:
        """Before the first epoch. Counters of an earlier `fit` are to be reset here.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_train_end(self, logs: Logs | Any = None) -> None:
        """After the last epoch; `logs` are those of that epoch."""

    def on_run_begin(self, run: ResumePoint) -> None:
        """After `on_train_begin` of all callbacks: an earlier run may be restored with `run.restore(snapshot)`."""

    def on_safe_point(self, run: ResumePoint) -> None:
        """Nothing is on its way: `run.snapshot()` says all that is needed to go on. After each epoch, and between."""

    def on_epoch_begin(self, epoch: int, logs: Logs | Any = None) -> None:
        """Before epoch `epoch`, counted from 0.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_epoch_end(self, epoch: int, logs: Logs | Any = None) -> None:
        """After epoch `epoch` and its validation, whose results carry the prefix `val_`.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_batch_begin(self, batch: int, logs: Logs | Any = None) -> None:
        """Older name of `on_train_batch_begin`.

        Args:
            batch: its number in the epoch.
            logs: results so far by name.
        """

    def on_batch_end(self, batch: int, logs: Logs | Any = None) -> None:
        """Older name of `on_train_batch_end`.

        Args:
            batch: its number in the epoch.
            logs: results so far by name.
        """

    def on_train_batch_begin(self, batch: int, logs: Logs | Any = None) -> None:
        """Before training batch `batch`, counted from 0 in each epoch.

        Args:
            logs: results so far by name; empty at a beginning.
        """
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | Any = None) -> None:
        """After training batch `batch`; `logs` are the means over the epoch so far."""
        self.on_batch_end(batch, logs)

    def on_train_chunk_end(self, step: int, logs: Logs | Any = None) -> None:
        """After each dispatch of one or many batches, as the loop chooses: `step` batches of this epoch are done.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    # Evaluation, alone or as the validation inside `fit`
    def on_test_begin(self, logs: Logs | Any = None) -> None:
        """Before the first batch of an evaluation.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_test_end(self, logs: Logs | Any = None) -> None:
        """After the last batch of an evaluation; `logs` are its results."""

    def on_test_batch_begin(self, batch: int, logs: Logs | Any = None) -> None:
        """Before evaluation batch `batch`.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_test_batch_end(self, batch: int, logs: Logs | Any = None) -> None:
        """After evaluation batch `batch`.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_test_chunk_end(self, step: int, logs: Logs | Any = None) -> None:
        """After each dispatch: `step` batches are evaluated.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    # Prediction
    def on_predict_begin(self, logs: Logs | Any = None) -> None:
        """Before the first batch of a prediction.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_predict_end(self, logs: Logs | Any = None) -> None:
        """After the last batch of a prediction.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_predict_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Before prediction batch `batch`.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """After prediction batch `batch`; `logs["outputs"]` are the batch's predictions."""

    def on_predict_chunk_end(self, step: int, logs: dict[str, Any] | None = None) -> None:
        """After each dispatch: `step` batches are predicted.

        Args:
            logs: results so far by name; empty at a beginning.
        """

    # Around the loop
    def on_compile_begin(self, what: str) -> None:
        """Before XLA compiles `what`, for example "training step"."""

    def on_compile_end(self, what: str) -> None:
        """After XLA compiled `what`, or failed to."""

    def on_close(self) -> None:
        """Last of all, also after an error or Ctrl-C: give back the terminal, close files. May come more than once."""

    # Exact resume
    def state_dict(self) -> dict[str, Any]:
        """What has to be kept so that a killed run goes on as if nothing had happened.

        Values are numbers, strings, None, arrays, and lists or dicts of these.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what `state_dict` gave. Called after `on_train_begin`, which resets.

        Args:
            state: the dict.
        """
