"""`Ensemble`: copies of one model that differ by seed or learning rate, trained together in one compiled program.

Ensemble --members.py--> copies of the model (ordinary models) --stack.py--> their state, one array per variable
with a leading axis --training.py, running.py--> programs that are the model's own steps under `jax.vmap`
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import jax
import numpy as np

from .. import callbacks as callback_module
from ..core import html, names, placement, rng
from ..core.placement import Placement
from ..core.tracebacks import public
from ..core.types import Data
from ..data import prepare
from ..data.arrays import ArraySource
from ..data.prepare import FitArguments
from ..data.source import BatchSource
from ..distribution.strategies import placement_for
from ..model import Model
from ..training import compiled, data_spec
from ..training.claims import Claim
from ..training.types import ClassWeights
from ..utils import model_html
from . import members as copies, running, training
from .spread import over
from .stack import Stack

if TYPE_CHECKING:
    from ..training.types import Callbacks, Devices

_DEFAULT_MEMBERS = 8
# Callbacks of ours that look at logs and whole weights only, which an ensemble has; the others look into one model.
_SERVED = (
    callback_module.CSVLogger,
    callback_module.EarlyStopping,
    callback_module.History,
    callback_module.LambdaCallback,
    callback_module.ProgbarLogger,
    callback_module.RemoteMonitor,
    callback_module.TerminateOnNaN,
    callback_module.TimeLimit,
)


class Evaluation(NamedTuple):
    """What `Ensemble.evaluate` returns: loss and metrics by name."""

    mean: dict[str, Any]
    members: list[dict[str, Any]]


class Ensemble:
    """Copies of a model that differ by seed (or by learning rate), trained together in one compiled program.

    Args:
        model: compiled `Sequential` or `Model(inputs, outputs)`; it is copied and stays as it is. If it is not built
            yet, the first data build the members.
        members: how many; 8, or as many as there are learning rates.
        seed: whole number from which fresh weights, dropout and orders of rows of the members follow; None draws one.
            Member i of equal models is the same in an ensemble of any size.
        learning_rate: one number per member. Without `seed` the members then differ in nothing else: equal initial
            weights, dropout and order of rows.

    Member 0 begins with the weights of the model. The others begin with fresh values of all that is trained; frozen
    layers, moving statistics and what `adapt` found are the model's. Layers whose initializer was given a seed begin
    equal in all members.

    `members[i]` is an ordinary compiled model with the weights and optimizer state of member i, to be used, kept or
    fitted further; what is changed there counts here. Training a member here gives what training it alone on the same
    rows in the same order gives, up to rounding.

    Raises:
        TypeError: for something that is no model.
        ValueError: for a model that is not compiled, has an own `train_step` or (with seeds) an own `call`; for fewer
            than one member; for learning rates whose number is not that of the members, or an optimizer that has no
            learning rate to set.

    Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", 2017.

    Example:

    >>> import numpy as np, sequax
    >>> model = sequax.Sequential([sequax.Input((2,)), sequax.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> ensemble = Ensemble(model, members=3, seed=0)
    >>> x = np.ones((8, 2), "float32")
    >>> history = ensemble.fit(x, x[:, :1], epochs=2, verbose=0)
    >>> mean, spread = ensemble.predict(x, spread=True, verbose=0)
    >>> mean.shape, spread.shape, ensemble.predict_members(x, verbose=0).shape
    ((8, 1), (8, 1), (3, 8, 1))
    """

    state_variables: tuple[Any, ...] = ()  # those of the members lie where these are

    @public
    def __init__(
        self,
        model: Model,
        members: int | None = None,
        seed: int | None = None,
        learning_rate: Sequence[float] | None = None,
    ):
        copies.check_model(model)
        self.learning_rate: list[float] | None = copies.checked_rates(learning_rate)
        self._count = copies.checked_count(members, self.learning_rate, _DEFAULT_MEMBERS)
        self.by_seed: bool = seed is not None or self.learning_rate is None
        self.seed: int = copies.checked_seed(seed)
        self.stop_training = False
        self.history: callback_module.History | None = None
        self.histories: list[callback_module.History] = []
        self.stopped: dict[int, str] = {}
        self._random = np.random.default_rng(self.seed)
        self._leader = copies.copy_of(model)
        self._stack: Stack | None = None
        if self._leader.symbolic_outputs is not None:
            self._made_stack()

    # --- the members ---

    @property
    def members(self) -> list[Model]:
        """The members as ordinary compiled models, with their present weights and optimizer states.

        Raises:
            ValueError: before they are built.
        """
        if self._stack is None:
            raise ValueError(
                f"{self._title()} has no members yet: the model is not built. Give the model an `Input`, call its"
                f" `build(input_shape)` before the ensemble is made, or `fit` the ensemble first."
            )
        self._stack.spread()
        return list(self._stack.members)

    def __len__(self) -> int:
        return self._count

    def _made_stack(self) -> Stack:
        """The stacked state; makes the members once the first of them is built."""
        if self._stack is None:
            made = copies.make(self._leader, self._count, self.seed if self.by_seed else None, self.learning_rate)
            self._stack = Stack(made)
        self._stack.refresh()
        return self._stack

    def _lay(self, stack: Stack, place: Placement) -> None:
        stack.lay(over(place, self._count))
        placement.want(self, place)

    def get_weights(self) -> list[np.ndarray]:
        """The weights of all members: arrays as of the model, with a leading axis of members."""
        return [np.stack(values) for values in zip(*(m.get_weights() for m in self.members), strict=True)]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set the weights of all members from arrays as `get_weights` gives them."""
        arrays = [np.asarray(array) for array in weights]
        for array in arrays:
            if array.shape[:1] != (self._count,):
                raise ValueError(
                    f"Ensemble.set_weights: every array needs a leading axis of {self._count} members. Received shape"
                    f" {array.shape}."
                )
        for i, member in enumerate(self.members):
            member.set_weights([array[i] for array in arrays])

    # --- training ---

    @public
    def fit(
        self,
        x: Data | None = None,
        y: Data | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: int | str = "auto",
        callbacks: Callbacks = None,
        validation_split: float = 0.0,
        validation_data: Data | None = None,
        shuffle: bool | str = True,
        class_weight: ClassWeights | None = None,
        sample_weight: Data | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        *,
        devices: Devices = None,
    ) -> callback_module.History:
        """Train all members for a number of epochs. Arguments as for `Model.fit`, but for:

        Args:
            callbacks: they see the means over the members as logs, and the ensemble as `model`. Those that look into
                one model are refused.
            shuffle: True: each member has its own order of rows; `"shared"`: one order for all, which is a little
                faster; False, `"batch"`: as for a model, the same for all. Streams and arrays larger than memory are
                read once, so all members get the same batches.
            devices: each trains its share of the members, and has all rows: `"all"`, a number or names, as for
                `Model.fit`. The most are used that get equally many members.

        Returns:
            `History` with the means over the members; `histories[i]` is that of member i.

        A member whose loss becomes NaN or infinite stays at its last good weights while the others go on. A warning at
        the end says which and where; `stopped` holds them. Their logs are NaN from then on, and means leave them out.

        Raises:
            ValueError: for data that do not fit the model, or a callback that an ensemble cannot serve.
            FloatingPointError: when no member is left; the weights are the last good ones of each.
        """
        place = placement_for(devices, self)
        given = FitArguments(
            x,
            y,
            sample_weight,
            class_weight,
            batch_size,
            True if shuffle == "shared" else shuffle,
            epochs,
            initial_epoch,
            steps_per_epoch,
            validation_data,
            validation_split,
            validation_batch_size,
            validation_steps,
            validation_freq,
            accepts_nan=callback_module.callback_list.accept_nan(callbacks),
        )
        with Claim(self, "fit") as claim:
            with rng.seeded(int(self._random.integers(2**31 - 1))):
                data = prepare.training_data(data_spec.of(self._leader), given)
            stack = self._made_stack()
            self._lay(stack, place)
            claim.hold(v for tables in stack.variables for v in tables.params.values())
            source = self._ordered(data.train) if shuffle is True and self.by_seed else data.train
            listeners = self._listeners(callbacks, verbose, history=True, epochs=epochs, steps=source.steps)
            self.history = listeners.history
            self.histories = [callback_module.History() for _ in range(self._count)]
            with compiled.eagerly(self._leader):
                training.fit(self, stack, data._replace(train=source), given, listeners)
        return listeners.history

    def _ordered(self, source: BatchSource) -> BatchSource:
        """The rows in an order of its own for each member, where the source can give them so."""
        if not isinstance(source, ArraySource):
            return source
        if not source.resident:
            raise ValueError(
                f"Ensemble.fit: the data ({source.nbytes / 2**20:,.0f} MB) do not fit on the device as a whole, so"
                f' no member can have an order of its own. Pass shuffle="shared" (one order for all) or shuffle=False.'
            )
        return training.OwnOrders(source, self._count)

    @public
    def evaluate(
        self,
        x: Data | None = None,
        y: Data | None = None,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        sample_weight: Data | None = None,
        steps: int | None = None,
        callbacks: Callbacks = None,
        *,
        devices: Devices = None,
    ) -> Evaluation:
        """Loss and metrics on data: `(mean, members)`, a dict of means over the members and a list of their dicts."""
        place = placement_for(devices, self)
        source = prepare.evaluation_data(data_spec.of(self._leader), x, y, sample_weight, batch_size, steps)
        stack = self._made_stack()
        self._lay(stack, place)
        listeners = self._listeners(callbacks, verbose, steps=source.steps)
        with compiled.eagerly(self._leader):
            try:
                each = running.evaluate(stack, source, listeners)
            finally:
                listeners.close()
                stack.spread()
        return Evaluation(running.mean(each), [running.of_member(each, i) for i in range(self._count)])

    @public
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
        spread: bool = False,
        *,
        devices: Devices = None,
    ) -> np.ndarray | Any:
        """The mean of the members' outputs, in the shape of the model's; with `spread=True` also their deviation.

        Args:
            spread: return `(mean, spread)`, where spread is the standard deviation over the members (divided by their
                number, as `numpy.std`): how far they disagree.
            devices: as in `fit`.
        """
        outputs = self.predict_members(x, batch_size, verbose, steps, callbacks, devices=devices)
        mean = jax.tree.map(lambda a: a.mean(0, dtype=np.float64).astype(a.dtype), outputs)
        if not spread:
            return mean
        return mean, jax.tree.map(lambda a: a.std(0, dtype=np.float64).astype(a.dtype), outputs)

    @public
    def predict_members(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Callbacks = None,
        *,
        devices: Devices = None,
    ) -> np.ndarray | Any:
        """The outputs of every member: arrays of shape `(members, n, ...)`."""
        place = placement_for(devices, self)
        data = prepare.prediction_data(data_spec.of(self._leader), x, batch_size, steps)
        stack = self._made_stack()
        self._lay(stack, place)
        outputs = running.predict(stack, data.parts, self._listeners(callbacks, verbose, steps=data.steps))
        stack.spread()
        return outputs

    def _listeners(
        self, callbacks: Callbacks, verbose: int | str, history: bool = False, **params: Any
    ) -> callback_module.CallbackList:
        if not isinstance(callbacks, callback_module.CallbackList):
            shown = verbose if verbose != "auto" else 1
            callbacks = callback_module.CallbackList(
                callbacks, add_history=history, add_progbar=shown != 0, model=self, verbose=shown, **params
            )
        for callback in callbacks:
            if names.is_ours(callback) and not isinstance(callback, _SERVED):
                raise ValueError(
                    f"Ensemble: {type(callback).__name__} looks into one model, and an ensemble is {self._count}."
                    f" Callbacks that work here: {', '.join(kind.__name__ for kind in _SERVED)}, and your own that use"
                    f" `logs`, `stop_training`, `get_weights` and `set_weights`. For a learning rate that changes,"
                    f" compile the model with a LearningRateSchedule."
                )
        return callbacks

    # --- what it tells ---

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Print what the members have in common and in what they differ; arguments as for `Model.summary`."""
        show = kwargs.get("print_fn") or print
        show(f"{self._title()}: the layers of each")
        self._leader.summary(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{self._title()}>"

    def _repr_html_(self) -> str:
        """In a notebook: how the members did, and the layers that they have in common."""
        values = {
            f"member {i}": {name: kept[-1] for name, kept in history.history.items() if kept}
            for i, history in enumerate(self.histories)
        }
        names_of = list(dict.fromkeys(name for logs in values.values() for name in logs))
        rows = [
            (member, *(f"{logs[name]:.4g}" if name in logs else "" for name in names_of))
            for member, logs in values.items()
        ]
        results = html.fold("last values", html.table(("", *names_of), rows, len(names_of))) if names_of else ""
        return f"<code>{html.escape(self._title())}</code>{results}{model_html.of_model(self._leader)}"

    def _title(self) -> str:
        differences = []
        if self.by_seed:
            differences.append(f"seed={self.seed}")
        if self.learning_rate is not None:
            differences.append(f"learning_rate={self.learning_rate}")
        kind = type(self._leader).__name__
        return f"Ensemble of {self._count} x {kind} '{self._leader.name}', {', '.join(differences)}"

    if not TYPE_CHECKING:  # type checkers know by themselves

        def __getattr__(self, name: str) -> NoReturn:
            hint = f" Each member has one: `ensemble.members[i].{name}`." if hasattr(Model, name) else ""
            raise AttributeError(f"An Ensemble has no `{name}`.{hint}")
