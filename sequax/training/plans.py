"""What steps need to know of a model, found out once and known for as long as the model stays the same.

Which variables there are, what is trained, which programs run: finding out takes a walk through all layers and
settings, longer than a step of a small model, and users call `train_on_batch`, `fit` of a row or `predict` thousands of
times. `core/tracking.py` hears of changed layers and optimizers, and `fingerprint.Sources` look at everything else.
Freezing is no change but part of the question: a GAN freezes its critic and unfreezes it in each turn, and finds both
answers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from operator import is_
from typing import TYPE_CHECKING, Any

from ..core import tracking
from ..core.variable import Variable
from ..data.spec import Form
from . import alone, compiled, custom
from .fingerprint import Sources, fingerprint
from .state import TrainVariables

if TYPE_CHECKING:
    from ..model import Model

_MOST = 64  # answers of one model


class Plan:
    """What steps of one kind need to know.

    Args:
        model: built, its losses and metrics matched with targets.
        optimizer: of steps of training.

    Attributes:
        trained: variables that the optimizer is built for.
        variables: that the state of the steps is read from and written to.
        state_bytes: of all of these.
        rows_alone: whether a short batch may be a step like the others, see `alone.py`.
        key: says what a step computes, see `fingerprint.py`.
        programs: that run the steps.
        forms: of the data that they have read, see `DataSpec`.
    """

    key: Hashable
    sources: Sources

    def __init__(self, model: Any, optimizer: Any = None):
        self._optimizer = optimizer
        self.trained: list[Variable] = []
        if optimizer is not None:
            self.trained = model.trainable_variables
            self._build()
        self.variables: TrainVariables = custom.variables_of(model, optimizer)
        self.state_bytes: int = self.variables.nbytes
        self.rows_alone: bool = alone.of(model, training=optimizer is not None)
        traced = model, *model.compilation.traced
        self.key, self.sources = fingerprint(*traced) if optimizer is None else fingerprint(*traced, optimizer)
        self.programs: compiled.Programs = compiled.Programs()
        self.forms: dict[Hashable, Form] = {}

    def is_taken_up(self) -> bool:
        """Let the optimizer know the variables again, if it was built for others meanwhile.

        Returns:
            Whether it has the state that was planned with.
        """
        if self._optimizer is None or self._optimizer.trained is self._built:
            return True
        self._build()
        planned = {id(variable) for variable in self.variables.optimizer.values()}
        return planned.issuperset(map(id, self._optimizer.variables))

    def _build(self) -> None:
        """Make optimizer slots for what is new."""
        self._optimizer.build(self.trained)
        self._built = self._optimizer.trained


def of(model: Model, training: bool) -> Plan:
    """The plan of steps of training, or of evaluation."""
    return known(model, training) or _new(model, training)


def known(model: Model, training: bool) -> Plan | None:
    """The plan of steps of training, or of evaluation, if there is one and the model is as it was then."""
    plan = Known.of(model).answer(training, *_basis(model, training))
    return plan if plan is not None and plan.is_taken_up() else None


def _new(model: Model, training: bool) -> Plan:
    def find() -> tuple[Plan, Sources]:
        plan = Plan(model, model.optimizer if training else None)
        return plan, plan.sources

    return Known.of(model).find_out(training, find, *_basis(model, training))


def _basis(model: Any, training: bool) -> tuple[Any, ...]:
    compilation = model.compilation
    return compilation, compilation.losses, compilation.optimizer if training else None


class Answer:
    """What was found out, and what has to be as it was for this to hold."""

    value: Any
    basis: tuple[Any, ...]
    sources: Sources
    version: int
    structure: int

    def __init__(self, value: object, basis: tuple[Any, ...], sources: Sources):
        self.value, self.basis, self.sources = value, basis, sources
        self.version, self.structure = tracking.version(), tracking.structure()


class Known:
    """What is known of one model: answers to questions.

    Args:
        model: that keeps it, as a reference from elsewhere would keep the model alive.
    """

    def __init__(self, model: Model):
        self._model = model
        self._answers: dict[Hashable, Answer] = {}  # by the question and by what is frozen
        self._last: dict[Hashable, Answer] = {}
        self._structure = -1
        self._parts: list[Any] = []  # layers and variables, each of which may be frozen

    @classmethod
    def of(cls, model: Model) -> Known:
        """What is known of a model."""
        return vars(model).get("_known") or vars(model).setdefault("_known", cls(model))

    def answer(self, question: Hashable, *basis: object) -> Any:
        """What was found out before; None if nothing was, or if it may be out of date.

        Args:
            basis: objects that the answer hangs on.
        """
        answer, version = self._last.get(question), tracking.version()
        if answer is None or answer.version != version:
            answer = self._answers.get((question, self._frozen()))
            if answer is None or answer.structure != self._structure:
                return None
        if not (all(map(is_, answer.basis, basis)) and answer.sources.unchanged):
            return None
        answer.version = version
        self._last[question] = answer
        return answer.value

    def find_out(self, question: Hashable, find: Callable[[], tuple[Any, Sources]], *basis: object) -> Any:
        """A new answer: `find() -> (answer, its sources)`."""
        version = tracking.version()
        found, sources = find()
        if version == tracking.version():  # else the model has changed meanwhile
            self._structure = -1  # look at the parts again: a list of layers may have grown unheard
            key = question, self._frozen()
            if len(self._answers) >= _MOST:
                self._answers.clear()
            self._answers[key] = self._last[question] = Answer(found, basis, sources)
        return found

    def _frozen(self) -> tuple[bool, ...]:
        structure = tracking.structure()
        if structure != self._structure:
            self._parts = [*self._model.flatten_layers(), *self._model.state_variables]
            self._structure = structure
        return tuple([part.trainable for part in self._parts])
