"""What is said before training on several devices: that a step is too small for them, that a layout is of nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.placement import Placement
from ..core.warning import warn

# What a processor's core computes in about a millisecond; a message between devices takes a tenth of that to four.
LITTLE = 2e7


def warn_before(model: Any, place: Placement, program: Callable[..., Any]) -> None:
    """Say what the user will want to know of a program that is about to run for the first time.

    Args:
        model: at work.
        place: where the program runs.
        program: compiled; steps that run eagerly are not known.
    """
    if not place.is_spread or not place.leads:
        return
    unused = place.unused()
    if unused:
        known = ", ".join(repr(variable.path) for variable in model.state_variables[:8])
        warn(
            f"No variable and no output of model '{model.name}' has the path of these layouts, which change nothing:"
            f" {unused}. Keys are whole paths, or regular expressions for whole paths. Paths here: {known}, ..."
        )
    warn_of_little(model.name, place, program)


def warn_of_little(name: str, place: Placement, program: Callable[..., Any]) -> None:
    """Say so before training if each device has so little to do in a step that one alone is likely to be faster.

    Args:
        name: of the model.
        place: where the program runs.
        program: compiled; steps that run eagerly are not known.
    """
    if place.devices == 1 or not hasattr(program, "cost_analysis"):
        return
    found = program.cost_analysis()  # of one device; of a loop, one step
    operations = found.get("flops", -1.0) if isinstance(found, dict) else -1.0
    if 0 <= operations < LITTLE:
        warn(
            f"A step of model '{name}' has {_amount(operations)} operations for each of the {place.devices} devices."
            f" Then they tell each other the gradients, which takes 0.1 to 4 ms between processors: one device is"
            f" likely to be faster. Use a larger batch_size, or `devices=1`."
        )


def _amount(operations: float) -> str:
    return f"{operations / 1e6:.1f} million" if operations >= 1e5 else f"{operations:,.0f}"
