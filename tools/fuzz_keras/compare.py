"""Two traces beside each other.

Both libraries compute in float32, in another order, so sums differ by some roundings: 1e-5 of the largest number is
what outputs and losses are held to. Of weights the way is compared, to a two-thousandth of its length: a step that
differs by 1 % shows in it, while the roundings of small gradients, which Adam and its kin enlarge, do not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .trace import Moved, Trace

ROUNDING = 2.0**-23
NOISE = 5e-4  # of the usual way in the model: what Adam and its kin make of a gradient that is 0 but for rounding
EXACT, WAY = 2e-5, 5e-4  # of the largest number; of the way of an array


class Difference(NamedTuple):
    """What differs: the note, of which kind, and the numbers in words."""

    note: str
    kind: str
    text: str
    ours: Trace
    theirs: Trace

    def __str__(self) -> str:
        return f"{self.note}: {self.text}"


def first_difference(ours: Trace, theirs: Trace, mixed: bool = False) -> Difference | None:
    """The first note in which they differ; None where they say the same, or both refuse at the same place."""
    return next(iter(differences(ours, theirs, mixed)), None)


def differences(ours: Trace, theirs: Trace, mixed: bool = False) -> list[Difference]:
    found = []
    for note, value in theirs.notes.items():
        if note in ours.notes and (text := told(ours.notes[note], value, note, mixed)):
            found.append(Difference(note, note.split(": ")[-1], text, ours, theirs))
    if (ours.refusal is None) != (theirs.refusal is None) or order(ours.place) > order(theirs.place):
        place = min(ours.place, theirs.place, key=order)
        found.append(Difference(place, "refusal", refusals(ours, theirs), ours, theirs))
    return found


def order(place: str) -> int:
    """How far a run came. Where both refuse, the sooner the better: Keras may have trained by then."""
    return {"build": -2, "compile": -1, "file": 99}[place] if not place[0].isdigit() else int(place.split()[0])


def refusals(ours: Trace, theirs: Trace) -> str:
    says = {
        name: "goes on" if trace.refusal is None else f"{trace.place}: {type(trace.refusal).__name__}: {trace.refusal}"
        for name, trace in (("Sequax", ours), ("Keras", theirs))
    }
    return "\n".join(f"{name} {' '.join(text.split())[:400]}" for name, text in says.items())


def told(ours: Any, theirs: Any, note: str, mixed: bool) -> str:
    """What differs, in words; empty where nothing does."""
    if isinstance(theirs, Moved):
        return way(ours, theirs, mixed)
    if note.endswith("optimizer names"):  # some of Keras' have no name of their own
        theirs = [one if name.startswith("variable") else name for one, name in zip(ours, theirs, strict=False)]
    words = isinstance(theirs, list) and all(isinstance(each, str | tuple) for each in theirs)
    if words or "config" in note:
        return "" if ours == theirs else unequal(ours, theirs)
    if isinstance(theirs, dict):
        if list(ours) != list(theirs):
            return f"{list(ours)} in place of {list(theirs)}"
        return "; ".join(f"{key}: {text}" for key in theirs if (text := numbers(ours[key], theirs[key], mixed)))
    if isinstance(theirs, list):
        if len(ours) != len(theirs):
            return f"{len(ours)} arrays in place of {len(theirs)}"
        loose = 100 if note.endswith("optimizer") else 1
        pairs = zip(ours, theirs, strict=True)
        texts = (numbers(one, other, mixed, loose) for one, other in pairs if one is not None and other is not None)
        return "; ".join(f"array {number}: {text}" for number, text in enumerate(texts) if text)
    return numbers(ours, theirs, mixed)


def unequal(ours: Any, theirs: Any, path: str = "") -> str:
    """The first place in which two configs differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in {**theirs, **ours}:
            if key not in ours or key not in theirs:
                return f"{path}.{key} only in {'Keras' if key in theirs else 'Sequax'}"
            if ours[key] != theirs[key]:
                return unequal(ours[key], theirs[key], f"{path}.{key}")
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            if one != other:
                return unequal(one, other, f"{path}[{number}]")
    return f"{path} {str(ours)[:200]!r} in place of {str(theirs)[:200]!r}"


def numbers(ours: Any, theirs: Any, mixed: bool, loose: float = 1) -> str:
    one, other = np.asarray(ours, "float64"), np.asarray(theirs, "float64")
    if one.shape != other.shape:
        return f"shape {one.shape} in place of {other.shape}"
    if not one.size or not np.isfinite(other).any():
        return "" if np.array_equal(np.isfinite(one), np.isfinite(other)) else f"{one} in place of {other}"
    if not np.array_equal(np.isnan(one), np.isnan(other)):
        return f"{np.isnan(one).sum()} NaN in place of {np.isnan(other).sum()}"
    size = np.abs(other[np.isfinite(other)]).max()
    allowed = 0.05 * max(size, 0.1) if mixed else EXACT * loose * max(size, 0.05)  # means of numbers of about 1
    with np.errstate(invalid="ignore"):
        apart = np.abs(np.where(one == other, 0, one - other))
    worst = int(np.nanargmax(apart))
    if apart.flat[worst] <= allowed:
        return ""
    return f"{one.flat[worst]:.8g} in place of {other.flat[worst]:.8g} at {worst} of {one.shape} (largest {size:.4g})"


def way(ours: Moved, theirs: Moved, mixed: bool) -> str:
    shapes = [[weight.shape for weight in moved.after] for moved in (ours, theirs)]
    if shapes[0] != shapes[1]:
        return f"weights of shapes {shapes[0]} in place of {shapes[1]}"
    lengths = [(b - a, d - c) for a, b, c, d in zip(ours.before, ours.after, theirs.before, theirs.after, strict=True)]
    if mixed:
        return direction(lengths)
    usual = median([float(np.abs(other).max(initial=0)) for _, other in lengths])
    found = []
    for (one, other), after, name in zip(lengths, theirs.after, theirs.names, strict=True):
        if not other.size:
            continue
        length = np.abs(other).max()
        apart = np.abs(one - other).max()
        if not apart <= allowed(length, np.abs(after).max(), usual):
            found.append(f"{name} off by {apart:.3g} on a way of {length:.3g}")
    return "; ".join(found)


def allowed(length: float, size: float, usual: float) -> float:
    """How far off a way may be, of an array whose largest number is `size` in the end."""
    return max(WAY * length, 16 * ROUNDING * size + NOISE * usual)


def median(lengths: list[float]) -> float:
    """Of those that are not 0."""
    found = sorted(length for length in lengths if length)
    return found[len(found) // 2] if found else 0.0


def direction(lengths: list[tuple[np.ndarray, np.ndarray]]) -> str:
    """Of gradients in 16 bits each number is off by some thousandths, and the way of all weights by much less."""
    one, other = (np.concatenate([way.ravel() for way in ways] or [np.zeros(1)]) for ways in zip(*lengths, strict=True))
    ratio = float(one @ other) / max(float(other @ other), 1e-30)
    apart = float(np.linalg.norm(one - other)) / max(float(np.linalg.norm(other)), 1e-15)
    if (not other.any() and not one.any()) or (abs(ratio - 1) <= 0.007 and apart <= 0.2):
        return ""
    return f"the way is {ratio:.5f} times Keras', and {apart:.2g} of it off"


def trains(trace: Trace) -> bool:
    """Whether gradients moved weights, so far that a hundredth of it is seen beside the roundings of float32.

    Ftrl sets weights anew from its sums: where they end near 0, little of their way is that of its rate.
    """
    for moved in trace.notes.values():
        if not isinstance(moved, Moved):
            continue
        lengths = [
            float(np.abs(after - before).max(initial=0))
            for before, after in zip(moved.before, moved.after, strict=True)
        ]
        sizes = [float(np.abs(after).max(initial=0)) for after in moved.after]
        usual = median(lengths)
        for length, size, learned in zip(lengths, sizes, moved.learned, strict=True):
            seen = min(length, size) / 100 > allowed(length, size, usual)
            if learned and seen and length > 4000 * ROUNDING * size:
                return True
    return False
