"""`OneCycle`: one rise and one fall of the learning rate over the whole training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ..core.kinds import AboveZero, Fraction, Number, OneOf, Real
from ..core.types import Tensor
from .base import Callback, Logs
from .learning_rate import learning_rate_of

Divisor = Annotated[Number, Real(1)]
Anneal = Annotated[Literal["cosine", "linear"], OneOf("cosine", "linear")]


@dataclass(frozen=True)
class Cycle:
    """The learning rate by step: `low` to `peak` in the first `rise` steps, then to `final` at step `last`."""

    low: float
    peak: float
    final: float
    rise: float
    last: int
    cosine: bool
    begun: int = 0  # steps of the cycle that are over already

    def __call__(self, step: Tensor | int) -> Tensor:
        import jax.numpy as jnp

        position = jnp.minimum(jnp.asarray(step + self.begun, "float32"), self.last)
        rising = position / max(self.rise, 1e-9)
        falling = (position - self.rise) / max(self.last - self.rise, 1e-9)
        up = self.low + (self.peak - self.low) * self._eased(jnp.minimum(rising, 1.0))
        down = self.final + (self.peak - self.final) * self._eased(jnp.minimum(1.0 - falling, 1.0))
        return jnp.where(position < self.rise, up, down)

    def _eased(self, fraction: Tensor) -> Tensor:
        import jax.numpy as jnp

        return (1 - jnp.cos(math.pi * fraction)) / 2 if self.cosine else fraction


class OneCycle(Callback):
    """The learning rate rises from `max / div_factor` to `max` and falls to `max / div_factor / final_div_factor`.

    Args:
        max_learning_rate: the peak, for example the suggestion of a `LearningRateFinder` or a few times of it.
        total_steps: batches of the whole training; None: as many as `fit` runs.
        pct_start: the part of the training that rises, from 0 to 1.
        div_factor: the first rate is that much below the peak.
        final_div_factor: the last rate is that much below the first.
        anneal: `"cosine"` or `"linear"`.

    The rate follows the cycle inside the compiled program, so this callback costs no speed; the epoch's logs gain
    `learning_rate`. After training the rate stays where it is. The momentum, which the paper lets fall while the rate
    rises, stays what it is, too.

    Raises:
        ValueError: for arguments out of range, or if the number of steps is not known.
        TypeError: if the learning rate of the optimizer is a schedule.

    Source: Smith 2018, A disciplined approach to neural network hyper-parameters: Part 1; defaults and the cosine are
    those of fastai and PyTorch.

    Example:

        model.fit(x, y, epochs=20, callbacks=[OneCycle(0.01)])
    """

    max_learning_rate: float
    total_steps: int | None
    pct_start: float
    div_factor: float
    final_div_factor: float
    anneal: str

    def __init__(
        self,
        max_learning_rate: AboveZero,
        total_steps: int | None = None,
        pct_start: Fraction = 0.3,
        div_factor: Divisor = 25.0,
        final_div_factor: Divisor = 1e4,
        anneal: Anneal = "cosine",
    ) -> None:
        super().__init__()
        self._driving = False
        self._before_epoch = self._done = 0

    def cycle(self, total_steps: int, begun: int = 0) -> Cycle:
        """The learning rate as a function of the step."""
        low, last = self.max_learning_rate / self.div_factor, max(total_steps - 1, 1)
        return Cycle(
            low,
            self.max_learning_rate,
            low / self.final_div_factor,
            self.pct_start * last,
            last,
            self.anneal == "cosine",
            begun,
        )

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._driving, self._before_epoch, self._done = False, 0, 0
        learning_rate_of(self)
        self._steps()

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._before_epoch += self._done
        self._done = 0
        if not self._driving:
            # A `fit` that begins with a later epoch goes on within the cycle.
            self._before_epoch = self._before_epoch or epoch * ((self.params or {}).get("steps") or 0)
            self.model.optimizer.drive_learning_rate(self.cycle(self._steps(), self._before_epoch))
            self._driving = True

    def on_train_chunk_end(self, step: int, logs: Logs | None = None) -> None:
        self._done = step

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = learning_rate_of(self)

    def on_train_end(self, logs: Logs | None = None) -> None:
        self.on_close()

    def on_close(self) -> None:
        if self._driving:
            self._driving = False
            self.model.optimizer.drive_learning_rate(None)

    def _steps(self) -> int:
        params = self.params or {}
        steps = self.total_steps or (params.get("epochs") or 0) * (params.get("steps") or 0)
        if not steps:
            raise ValueError(
                "OneCycle: the number of batches in an epoch is not known. Pass total_steps=, or steps_per_epoch to"
                " fit()."
            )
        return steps

    def state_dict(self) -> dict[str, Any]:
        return {"before_epoch": self._before_epoch, "done": self._done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._before_epoch, self._done = int(state["before_epoch"]), int(state["done"])
