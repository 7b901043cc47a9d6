"""`State`: what an optimizer remembers, and how it is created, found and listed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import tracking
from ..core.constructor import Configured
from ..core.portable import Portable
from ..core.types import DTypeLike, Initial
from ..core.variable import Variable
from ..core.warning import warn
from .rates import Rate
from .slots import Slots, make

_UNNOTED = frozenset({"learning_rate", "iterations", "built", "_trainable_variables", "_positions"})
_ABSENT = object()


class State(Portable, Configured):
    """Base of `Optimizer`: iteration, learning rate, and slots for a set of variables that may change.

    Slots of variables that are no longer trained are kept, together with the variables, as long as the optimizer lives.
    """

    tracked_as = "optimizer"
    slot_names: tuple[str, ...] = ()
    gradient_accumulation_steps: int | None = None
    _gathered: Variable

    def __init__(self, learning_rate: object, name: str):
        self.name = name
        self.built: bool = False
        self._slots = Slots()
        self._trainable_variables: list[Variable] = []
        self._positions: dict[Variable, int] = {}
        self._iterations = make(f"{name}/iteration", (), "zeros", "int32", "only_first_replica")
        self._rate = Rate(learning_rate, self)

    def __setattr__(self, name: str, value: object) -> None:
        # Compiled steps have the settings in them; the learning rate and what `build` finds are no settings.
        if name not in _UNNOTED and self.__dict__.get(name, _ABSENT) is not value:
            tracking.note_change()
        object.__setattr__(self, name, value)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls.build = _rebuilding(cls.build)  # type: ignore[method-assign]

    def slot_groups(self) -> Iterable[tuple[str, ...]]:
        """Names of the slots; those of one group stand side by side, variable by variable (the order in files)."""
        return (self.slot_names,)

    def slot_initializer(self, name: str, variable: Variable) -> Initial:
        """Initial value of a variable's slot: a name, a number or a callable `(shape, dtype) -> array`."""
        return "zeros"

    def build(self, variables: Sequence[Variable]) -> None:
        """Know these variables, and have no slots in use yet."""
        self._trainable_variables = tracking.unique(variables)
        self._positions = {variable: position for position, variable in enumerate(self._trainable_variables)}
        self._slots.restart()
        self.built = True

    @contextmanager
    def built_for(self, variables: Sequence[Variable]) -> Iterator[None]:
        """Let `variables` be the state that belongs to these, as in the next `fit`; before `build` all stays."""
        before = self._trainable_variables
        if not self.built or _same(before, variables):
            yield
            return
        self.build(variables)
        try:
            yield
        finally:
            self.build(before)

    @property
    def stepped(self) -> list[Variable]:
        """The trained variables but for those whose "gradients" are their new values: these need no state."""
        return [variable for variable in self._trainable_variables if not variable.overwrite_with_gradient]

    def slot(self, name: str, variable: Variable) -> Variable:
        """The state of that name which belongs to a variable."""
        return self._slots.find(name, variable)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Initial = "zeros",
        dtype: DTypeLike | None = None,
        aggregation: str = "none",
        layout: None = None,
        name: str | None = None,
    ) -> Variable:
        """State that belongs to no variable in particular."""
        name = "variable" if name is None else name
        path = f"{self.name}/{name}"
        return self._slots.obtain(None, name, lambda: make(path, tuple(shape), initializer, dtype, aggregation))

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Initial = "zeros"
    ) -> Variable:
        """State with the shape and dtype of a variable: the known one, or new."""
        name = "slot" if name is None else name
        path = f"{self.name}/{reference_variable.path.replace('/', '_')}_{name}"
        shape, dtype = tuple(reference_variable.shape), reference_variable.dtype
        return self._slots.obtain(
            reference_variable, name, lambda: make(path, shape, initializer, dtype, beside=reference_variable)
        )

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: str | Sequence[str], initializer: Initial = "zeros"
    ) -> Any:
        """One slot per variable as a list, None where its "gradient" is its new value; of several names a tuple."""
        labels = [name] if isinstance(name, str) else list(name)
        starts = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(labels)
        columns: tuple[list[Variable | None], ...] = tuple([] for _ in labels)
        for variable in trainable_variables:
            for column, label, start in zip(columns, labels, starts, strict=True):
                overwritten = getattr(variable, "overwrite_with_gradient", False)
                column.append(None if overwritten else self.add_variable_from_reference(variable, label, start))
        return columns[0] if isinstance(name, str) else columns

    def empty_slots(self) -> list[Variable]:
        """State that only holds a place, which files of an optimizer around this one leave out."""
        return []

    @property
    def variables(self) -> list[Variable]:
        """All state: iteration, learning rate (if it is a number), then slots in the order of the variables."""
        held = tracking.owned(
            self, "variable", frozenset({"_slots", "_trainable_variables", "_not_decayed", "_gathered"})
        )
        foreign = self._slots.retired() | {id(variable) for variable in self._trainable_variables}
        mine = [self._iterations, *self._rate.variables, *self._slots.current, *held]
        return [variable for variable in tracking.unique(mine) if id(variable) not in foreign]

    @property
    def step_variables(self) -> list[Variable]:
        """All that a step changes: `variables`, and counts that stand in no file."""
        return [*self.variables, *self.counts]

    @property
    def counts(self) -> list[Variable]:
        """How many rows have gone into the present round of gradients, where such are accumulated."""
        return [self._gathered] if self.gradient_accumulation_steps else []

    @property
    def iterations(self) -> Variable | Any:
        """Number of updates so far: a variable; with gradient accumulation, a number of whole rounds."""
        if self.gradient_accumulation_steps:
            return self._iterations.value // self.gradient_accumulation_steps
        return self._iterations

    @iterations.setter
    def iterations(self, variable: Variable) -> None:
        if self.built:
            raise RuntimeError(f"{type(self).__name__}: cannot set `iterations` of an optimizer that has been built.")
        self._iterations = variable

    @property
    def learning_rate(self) -> Variable | Any:
        """The variable of a numeric rate; of a schedule or callable, its value at the present iteration."""
        return self._rate.shown()

    @learning_rate.setter
    def learning_rate(self, value: object) -> None:
        self._rate.set(value)

    def drive_learning_rate(self, function: Callable[[Any], Any] | None) -> None:
        """Let a function set the learning rate at each step, inside the compiled program.

        It receives the number of steps since this call, an int32 that may be traced, and returns a number. None ends
        it; the rate stays where it is then.

        Raises:
            TypeError: if the learning rate is no number, but a schedule or a callable.
        """
        self._rate.drive(function)

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put all state into a dict (or a group of a file) under `"0"`, `"1"`, ..., in the order of `variables`."""
        for number, variable in enumerate(self.variables):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Take back what `save_own_variables` stored; where the numbers differ, warn and leave all as it is."""
        own = self.variables
        if len(store.keys()) != len(own):
            warn(
                f"Optimizer {self.name!r} has {len(own)} variables, but {len(store.keys())} were stored: nothing is"
                f" loaded. Build it first: `optimizer.build(model.trainable_variables)`."
            )
            return
        self.set_weights([store[str(number)] for number in range(len(own))])

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Assign all state, in the order of `variables`: of all of them or, if something does not fit, of none.

        Raises:
            ValueError: before `build`, and for arrays of another number or of other shapes.
        """
        owner = type(self).__name__
        if not self.built:
            raise ValueError(
                f"You are calling `set_weights()` on {owner} {self.name!r}, which is not built, so that it has no state"
                f" yet. Call `optimizer.build(model.trainable_variables)` first."
            )
        if len(weights) != len(self.variables):
            raise ValueError(
                f"{owner}.set_weights: expected {len(self.variables)} arrays, one per variable of the optimizer."
                f" Received {len(weights)}."
            )
        pairs = list(zip(self.variables, weights, strict=True))
        for variable, value in pairs:
            if tuple(np.shape(value)) != tuple(variable.shape):
                raise ValueError(
                    f"{owner}.set_weights: {variable.path!r} has shape {variable.shape}. Received an array of shape"
                    f" {np.shape(value)}."
                )
        for variable, value in pairs:
            variable.assign(value)

    @property
    def trained(self) -> list[Variable]:
        """The variables it is built for: another list after each `build`."""
        return self._trainable_variables

    def _get_variable_index(self, variable: Variable) -> int:
        return self._positions[variable]


def _rebuilding(build: Callable[..., Any]) -> Callable[..., Any]:
    """Let a subclass' `build` run again when the variables change, though it may begin with `if self.built: return`."""

    @functools.wraps(build)
    def wrapper(self: State, variables: Any = None, *args: object, var_list: Any = None, **kwargs: object) -> None:
        if (variables is None) == (var_list is None):
            raise TypeError(f"{type(self).__name__}.build: expected the variables to train, as `variables`.")
        variables = list(variables or var_list or ())
        if not (self.built and _same(variables, self._trainable_variables)):
            self.built = False
            build(self, variables, *args, **kwargs)

    return wrapper


def _same(variables: Sequence[Variable], others: Sequence[Variable]) -> bool:
    return list(map(id, variables)) == list(map(id, others))
