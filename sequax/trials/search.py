"""`search`: settings of a model tried one after another, or together where they differ by the learning rate alone."""

from __future__ import annotations

import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from ..callbacks import Callback, History, callback_list, figure as figures
from ..callbacks.monitor import direction
from ..core import html, rng
from ..core.needed import needed
from ..core.text import aligned
from ..core.tracebacks import public
from ..core.types import Data
from ..ensemble import Ensemble
from ..ensemble.members import check_model
from ..model import Model
from ..utils.messages import announce

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

_RATE = "learning_rate"  # the setting in which members of an ensemble may differ
Settings = dict[str, Any]


class Trial(NamedTuple):
    """One choice of settings: its score, NaN if it failed, and the `History` of its training."""

    settings: Settings
    score: float
    history: History | None
    state: Literal["done", "failed", "pruned"] = "done"


class Search:
    """What `search` gives: print it, or let a notebook show it.

    Attributes:
        trials: in the order in which they were made.
        monitor, mode: what the score is, and whether "min" or "max" of it is better.
        best: the best trial.
        best_settings, best_score: of that.
        best_model: its trained model.
        study: of Optuna, if that chose the settings.
    """

    def __init__(self, trials: list[Trial], monitor: str, mode: str, best_model: Model | None, study: Any = None):
        self.trials = trials
        self.monitor = monitor
        self.mode = mode
        self.best_model = best_model
        self.study = study

    @property
    def best(self) -> Trial:
        """
        Raises:
            ValueError: if no trial has a score.
        """
        known = self._ranked()
        if not known:
            raise ValueError("search: no trial has a score; all of them failed or were pruned.")
        return known[0]

    @property
    def best_settings(self) -> Settings:
        return self.best.settings

    @property
    def best_score(self) -> float:
        return self.best.score

    def _ranked(self) -> list[Trial]:
        done = [trial for trial in self.trials if trial.state == "done" and not math.isnan(trial.score)]
        return sorted(done, key=lambda trial: trial.score, reverse=self.mode == "max")

    def _lines(self) -> list[tuple[str, ...]]:
        names = list(dict.fromkeys(name for trial in self.trials for name in trial.settings))
        rest = [trial for trial in self.trials if trial.state != "done" or math.isnan(trial.score)]
        lines = [("", *names, self.monitor)]
        for place, trial in enumerate([*self._ranked(), *rest], start=1):
            score = f"{trial.score:.6g}" if trial.state == "done" else trial.state
            lines.append((str(place), *(_shown(trial.settings.get(name)) for name in names), score))
        return lines

    def __repr__(self) -> str:
        return "\n".join(aligned(self._lines(), texts=0))

    def _repr_html_(self) -> str:
        head, *lines = self._lines()
        return html.fold(f"{len(self.trials)} trials, best first", html.table(head, lines, len(head) - 1), is_open=True)

    def to_frame(self) -> DataFrame:
        """A pandas data frame: a row per trial, a column per setting, and the score.

        Raises:
            ImportError: pandas is not installed.
        """
        pandas = needed("pandas", "Search.to_frame", "The numbers themselves are in Search.trials.")
        rows = [{**trial.settings, self.monitor: trial.score, "state": trial.state} for trial in self.trials]
        return pandas.DataFrame(rows)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Draw the score over each setting with matplotlib.

        Args:
            path: of a file to save the charts to.

        Returns:
            The figure.
        """
        names = list(self.trials[0].settings) if self.trials else []
        figure = figures.new_figure(max(len(names), 1), "Search.plot", numbers="Search.trials")
        for axes, name in zip(figure.axes, names, strict=False):
            done = self._ranked()
            values = [trial.settings[name] for trial in done]
            plain = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
            axes.plot(values if plain else [str(v) for v in values], [trial.score for trial in done], "o")
            axes.set(xlabel=name, ylabel=self.monitor)
            if plain and values and min(values) > 0 and max(values) / min(values) > 50:
                axes.set(xscale="log")
        return figures.saved(figure, path)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@public
def search(
    build: Callable[..., Model],
    space: Mapping[str, Any],
    x: Data,
    y: Data | None = None,
    *,
    trials: int = 20,
    method: Literal["auto", "grid", "random", "optuna"] = "auto",
    monitor: str = "val_loss",
    mode: Literal["auto", "min", "max"] = "auto",
    seed: int | None = None,
    verbose: int = 1,
    study: Any = None,
    **fit: Any,
) -> Search:
    """Train a model for many settings, and say which was best.

    Args:
        build: makes a compiled model from settings, `build(units=32, learning_rate=0.01)`.
        space: name of a setting -> a list of choices, or a range `(low, high)`, of whole numbers if both are, or
            `(low, high, "log")`.
        x, y: as for `fit`.
        trials: how many settings to try; a grid has its own number.
        method: `"grid"` all combinations of the lists; `"random"` draws; `"optuna"` lets Optuna choose by what was
            found so far and give up trials that fall behind (`pip install 'sequax[search]'`); `"auto"` a grid if the
            space has lists only and no more than `trials` combinations, else random.
        monitor: the name in the logs that counts, of the last epoch.
        mode: whether less or more of it is better; `"auto"` goes by the name.
        seed: of what is drawn, and of weights and order of rows, which then are the same for each trial.
        verbose: 1 prints a line per trial.
        study: of Optuna, to go on with or to keep in a data base; with `method="optuna"`.
        **fit: further arguments of `fit`: `epochs`, `validation_split`, `batch_size`, `callbacks`, ...; callbacks are
            used by all trials one after another.

    Returns:
        `Search` with `best_settings`, `best_score`, `best_model` and all `trials`.

    Settings that differ in nothing but `learning_rate` are trained together, as an `Ensemble`, in one compiled program,
    where the model allows that and there are no callbacks. Each member trains as it would alone, on the rows in an
    order that all of them share.

    Raises:
        ValueError: for a space or a `monitor` that make no sense.
        ImportError: `method="optuna"` without Optuna.

    Example:

        found = sequax.search(build, {"units": [16, 64], "learning_rate": (1e-4, 1e-1, "log")}, x, y,
                              trials=20, epochs=10, validation_split=0.2)
        found.best_settings, found.best_model
    """
    checked = {name: _checked(name, choices) for name, choices in space.items()}
    if not checked or trials < 1:
        raise ValueError(f"search: expected a space with settings, and at least 1 trial. Received: {space!r}, {trials}")
    run = _Run(build, x, y, fit, monitor, _mode(monitor, mode), seed, verbose)
    chosen = _method(method, checked, trials)
    if chosen == "optuna":
        return run.with_optuna(checked, trials, study)
    if study is not None:
        raise ValueError('search: `study` goes with method="optuna".')
    settings = list(_grid(checked) if chosen == "grid" else _drawn(checked, trials, seed))
    return run.over(settings)


# --- the space ---


class _Range(NamedTuple):
    low: float
    high: float
    log: bool
    whole: bool

    def at(self, share: float) -> float | int:
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        if self.whole and not self.log:
            return min(int(self.low + share * (self.high - self.low + 1)), int(self.high))
        value = low + share * (high - low)
        value = math.exp(value) if self.log else value
        return round(value) if self.whole else value


def _checked(name: str, choices: Any) -> list[Any] | _Range:
    if isinstance(choices, (list, np.ndarray)):
        if len(choices) == 0:
            raise ValueError(f"search: the list of choices for {name!r} is empty.")
        return list(choices)
    numbers = choices[:2] if isinstance(choices, tuple) else ()
    ends = [one for one in numbers if isinstance(one, (int, float)) and not isinstance(one, bool)]
    log = isinstance(choices, tuple) and len(choices) == 3 and choices[2] == "log"
    if len(ends) != 2 or (len(choices) == 3 and not log) or len(choices) > 3 or not ends[0] < ends[1]:
        raise ValueError(
            f"search: expected a list of choices for {name!r}, or a range (low, high) or (low, high, 'log') with low <"
            f" high. Received: {choices!r}"
        )
    if log and ends[0] <= 0:
        raise ValueError(f"search: a logarithmic range for {name!r} begins above 0. Received: {choices!r}")
    return _Range(ends[0], ends[1], log, all(isinstance(one, int) for one in ends))


def _method(method: str, space: Mapping[str, list[Any] | _Range], trials: int) -> str:
    if method not in ("auto", "grid", "random", "optuna"):
        raise ValueError(
            f"search: expected method 'auto', 'grid', 'random' or 'optuna'. Received: method={method!r}"
        )  # fmt: skip
    lists = [choices for choices in space.values() if isinstance(choices, list)]
    only_lists = len(lists) == len(space)
    if method == "grid" and not only_lists:
        raise ValueError(
            "search: a grid needs lists of choices for all settings; ranges are for 'random' and 'optuna'."
        )
    if method == "auto":
        return "grid" if only_lists and math.prod(map(len, lists)) <= trials else "random"
    return method


def _grid(space: Mapping[str, Any]) -> Iterable[Settings]:
    for values in itertools.product(*space.values()):
        yield dict(zip(space, values, strict=True))


def _drawn(space: Mapping[str, list[Any] | _Range], trials: int, seed: int | None) -> Iterable[Settings]:
    """Settings drawn apart, each once where the space is small enough."""
    random, seen = np.random.default_rng(seed), []
    for _ in range(50 * trials):
        shares = random.random(len(space))
        one = {
            name: choices[int(share * len(choices))] if isinstance(choices, list) else choices.at(share)
            for (name, choices), share in zip(space.items(), shares, strict=True)
        }
        if one not in seen:
            seen.append(one)
            yield one
        if len(seen) == trials:
            return


def _mode(monitor: str, mode: str) -> str:
    found = direction(monitor) if mode == "auto" else mode
    if found not in ("min", "max"):
        raise ValueError(
            f"search: the name {monitor!r} does not tell whether less or more is better. Pass mode='min' or mode='max'."
        )
    return found


# --- the trials ---


class _Run:
    """What all trials have in common, and the best one so far."""

    def __init__(
        self,
        build: Callable[..., Model],
        x: Data,
        y: Data | None,
        fit: dict[str, Any],
        monitor: str,
        mode: str,
        seed: int | None,
        verbose: int,
    ):
        self.build, self.x, self.y, self.fit = build, x, y, fit
        self.monitor, self.mode, self.seed, self.verbose = monitor, mode, seed, verbose
        self.trials: list[Trial] = []
        self.best_score = math.nan
        self.best_model: Model | None = None

    def over(self, settings: list[Settings]) -> Search:
        for group in _by_rate(settings):
            model = self._built(group[0])
            if len(group) > 1 and self._serves_ensembles(model):
                self._together(model, group)
                continue
            for i, one in enumerate(group):
                self._alone(model if i == 0 else self._built(one), one)
        return Search(self.trials, self.monitor, self.mode, self.best_model)

    def _built(self, settings: Settings) -> Model:
        with self._seeded():
            model = self.build(**settings)
        if not isinstance(model, Model) or not model.compiled:
            raise TypeError(f"search: `build` must return a compiled model. It returned: {model!r:.100}")
        return model

    def _seeded(self) -> Any:
        return rng.seeded(rng.fresh_seed() if self.seed is None else self.seed)

    def _alone(self, model: Model, settings: Settings, more: Sequence[Callback] = ()) -> Trial:
        callbacks = [*callback_list.listed(self.fit.get("callbacks")), *more]
        try:
            with self._seeded():
                history = model.fit(self.x, self.y, **{"verbose": 0, **self.fit, "callbacks": callbacks})
        except FloatingPointError:
            return self._note(Trial(settings, math.nan, None, "failed"), model)
        return self._note(Trial(settings, self._score(history), history), model)

    def _serves_ensembles(self, model: Model) -> bool:
        try:
            check_model(model)
        except (TypeError, ValueError):
            return False
        return not callback_list.listed(self.fit.get("callbacks")) and not self.fit.get("resume")

    def _together(self, model: Model, group: list[Settings]) -> None:
        try:
            with self._seeded():
                ensemble = Ensemble(model, learning_rate=[float(one[_RATE]) for one in group])
        except ValueError:  # an optimizer without a rate to set
            for one in group:
                self._alone(self._built(one), one)
            return
        failed: set[int] = set()
        try:
            with self._seeded(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The loss became NaN")  # the table of trials says it
                ensemble.fit(self.x, self.y, **{"verbose": 0, **self.fit})
            failed = set(ensemble.stopped)
        except FloatingPointError:
            failed = set(range(len(group)))
        members = ensemble.members
        for i, one in enumerate(group):
            if i in failed:
                self._note(Trial(one, math.nan, None, "failed"), members[i])
            else:
                history = ensemble.histories[i]
                self._note(Trial(one, self._score(history), history), members[i])

    def _score(self, history: History) -> float:
        values = history.history.get(self.monitor)
        if not values:
            raise ValueError(
                f"search: the logs have no {self.monitor!r}; they have: {', '.join(history.history) or 'nothing'}."
                + (" Pass validation_split= or validation_data=." if self.monitor.startswith("val_") else "")
            )
        return float(values[-1])

    def _note(self, trial: Trial, model: Model) -> Trial:
        self.trials.append(trial)
        better = trial.score > self.best_score if self.mode == "max" else trial.score < self.best_score
        if trial.state == "done" and (better or (math.isnan(self.best_score) and not math.isnan(trial.score))):
            self.best_score, self.best_model = trial.score, model
        if self.verbose:
            said = f"{self.monitor}: {trial.score:.5g}" if trial.state == "done" else trial.state
            pairs = ", ".join(f"{name}={_shown(value)}" for name, value in trial.settings.items())
            announce(f"Trial {len(self.trials)}: {pairs} - {said} - best: {self.best_score:.5g}")
        return trial

    # --- by Optuna ---

    def with_optuna(self, space: Mapping[str, list[Any] | _Range], trials: int, study: Any) -> Search:
        optuna = needed("optuna", "search: method='optuna'", "Without it there are 'random' and 'grid'.")
        if study is None:
            level = optuna.logging.get_verbosity()
            optuna.logging.set_verbosity(optuna.logging.WARNING)  # of our own lines one per trial is enough
            try:
                wanted = "maximize" if self.mode == "max" else "minimize"
                study = optuna.create_study(direction=wanted, sampler=optuna.samplers.TPESampler(seed=self.seed))
                study.optimize(lambda trial: self._suggested(optuna, trial, space), n_trials=trials)
            finally:
                optuna.logging.set_verbosity(level)
        else:
            study.optimize(lambda trial: self._suggested(optuna, trial, space), n_trials=trials)
        return Search(self.trials, self.monitor, self.mode, self.best_model, study)

    def _suggested(self, optuna: ModuleType, trial: Any, space: Mapping[str, list[Any] | _Range]) -> float:
        settings = {name: _suggest(trial, name, choices) for name, choices in space.items()}
        pruner = _Pruner(trial, self.monitor)
        model = self._built(settings)
        before = len(self.trials)
        done = self._alone(model, settings, [pruner])
        if pruner.pruned:
            self.trials[before] = done._replace(state="pruned")
            raise optuna.TrialPruned
        if done.state == "failed":
            raise optuna.TrialPruned
        return done.score


def _suggest(trial: Any, name: str, choices: list[Any] | _Range) -> Any:
    if isinstance(choices, list):
        plain = all(one is None or isinstance(one, (bool, int, float, str)) for one in choices)
        # What Optuna keeps are plain values: of others it gets the place in the list.
        return trial.suggest_categorical(name, choices) if plain else choices[
            trial.suggest_categorical(name, list(range(len(choices))))
        ]  # fmt: skip
    suggest = trial.suggest_int if choices.whole else trial.suggest_float
    return suggest(name, choices.low, choices.high, log=choices.log)


class _Pruner(Callback):
    """Tells Optuna of each epoch, and ends a trial that falls behind the others."""

    def __init__(self, trial: Any, monitor: str) -> None:
        super().__init__()
        self.trial, self.monitor, self.pruned = trial, monitor, False

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self.monitor in (logs or {}):
            self.trial.report(float((logs or {})[self.monitor]), epoch)
            if self.trial.should_prune():
                self.pruned = self.model.stop_training = True


def _by_rate(settings: list[Settings]) -> list[list[Settings]]:
    """Settings that differ by the learning rate alone, together."""
    groups: list[list[Settings]] = []
    for one in settings:
        rest = {name: value for name, value in one.items() if name != _RATE}
        for group in groups:
            if _RATE in one and {n: v for n, v in group[0].items() if n != _RATE} == rest:
                group.append(one)
                break
        else:
            groups.append([one])
    return groups
