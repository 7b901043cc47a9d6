"""Callback that trains a frozen model part by part."""

from __future__ import annotations

from collections.abc import Sequence

from .base import Callback, Logs


class GradualUnfreezing(Callback):
    """Unfreezes one part of the model after another, the last layers first.

    Howard and Ruder 2018, "Universal Language Model Fine-tuning for Text Classification". What a part of the model has
    learned is not spoiled by the large first steps of a new head.

    Args:
        parts: names of layers, as for `Model.unfreeze`, or lists of such names, in the order of their unfreezing.
        start: epoch, counted from 0, at whose beginning the first part is unfrozen.
        every: how many epochs lie between two parts.
        verbose: 1 prints what is unfrozen.

    Freeze the model before, by `freeze`. A run that goes on, by `initial_epoch=` or `resume=`, begins with all
    unfrozen that would have been.

    Raises:
        ValueError: for no parts, or `start` or `every` that are no whole numbers of at least 0 and 1; when training
            begins, for a name that no layer has.

    Example:

        model.freeze("base")
        model.fit(x, y, epochs=6, callbacks=[GradualUnfreezing(["block5*", "block4*"], start=2, every=2)])
    """

    start: int
    every: int
    verbose: int

    def __init__(self, parts: Sequence[str | Sequence[str]], start: int = 1, every: int = 1, verbose: int = 0) -> None:
        super().__init__()
        if isinstance(parts, str) or not parts:
            raise ValueError(f"GradualUnfreezing: `parts` must be a list of names of layers. Received: parts={parts!r}")
        for name, value, least in (("start", start, 0), ("every", every, 1)):
            if not isinstance(value, int) or value < least:
                raise ValueError(
                    f"GradualUnfreezing: `{name}` must be a whole number of at least {least}. Received:"
                    f" {name}={value!r}"
                )
        self.parts: list[tuple[str] | tuple[str, ...]] = [
            (part,) if isinstance(part, str) else tuple(part) for part in parts
        ]
        self.start, self.every, self.verbose = start, every, verbose
        self._done = 0

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._done = 0
        for part in self.parts:
            self.model.layers_named(*part)  # a name that no layer has is to end the run now

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        due = (epoch - self.start) // self.every + 1 if epoch >= self.start else 0
        for part in self.parts[self._done : due]:
            names = self.model.unfreeze(*part)
            if self.verbose > 0:
                self.say(f"GradualUnfreezing: {', '.join(names)} from epoch {epoch + 1} on.")
        self._done = max(self._done, due)
