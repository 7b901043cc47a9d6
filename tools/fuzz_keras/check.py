"""Check a case: the same in both libraries, explained, or a finding; and plant a fault, to see that one is found."""

from __future__ import annotations

import gc
import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import keras

import sequax

from . import compare, explained, trace
from .case import Case, New
from .compare import Difference
from .trace import Trace

FAULT = 1.01
ROUNDING = "rounding: one of the two is as far from itself if its first weights are off by a few roundings"
NUDGES = compare.ROUNDING, 2 * compare.ROUNDING, -4 * compare.ROUNDING
NUDGES_MIXED = 2.0**-9, -(2.0**-8)  # where layers compute in 16 bits
RATES = ("learning_rate", "initial_learning_rate", "end_learning_rate", "warmup_target")


class Outcome(NamedTuple):
    """What came of a case: findings, rows that explain other differences, and whether the model was trained."""

    findings: list[Difference]
    rows: list[str]
    trains: bool
    refused: bool


def check(case: Case, ours: Case | None = None) -> Outcome:
    """Run `case` in Keras and in Sequax, or in Sequax another one in its place."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as that a mask is lost: both warn, in other words
        theirs = trace.run(keras, case, sequax)
        found = trace.run(sequax, ours or case, keras)
    findings, rows = [], []
    for difference in compare.differences(found, theirs, case.policy != "float32"):
        row = explained.row(case, difference)
        if row is None:
            findings.append(difference)
        else:
            rows.append(row)
    if findings and ours is None:
        shaken = shaken_notes(case, theirs, keras, sequax) | shaken_notes(case, found, sequax, keras)
        rows += [ROUNDING for finding in findings if finding.note in shaken]
        findings = [finding for finding in findings if finding.note not in shaken]
    return Outcome(findings, rows, compare.trains(theirs) and compare.trains(found), theirs.refusal is not None)


def shaken_notes(case: Case, straight: Trace, library: Any, other: Any) -> set[str]:
    """Notes of numbers in which a library differs from itself if its first weights are off by a few roundings."""
    mixed = case.policy != "float32"
    notes: set[str] = set()
    for nudge in NUDGES_MIXED if mixed else NUDGES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nudged = trace.run(library, case, other, nudge)
        apart = compare.differences(nudged, straight, mixed)
        notes |= {difference.note for difference in apart if difference.kind in ("result", "moved", "optimizer")}
    return notes


def forget() -> None:
    """Let go of compiled programs, some hundred megabytes for each ten models."""
    sequax.utils.clear_session()
    keras.utils.clear_session(free_memory=False)
    jax.clear_caches()
    gc.collect()


def fails_alike(difference: Difference, case: Case) -> bool:
    """Whether a case, most likely a smaller one, still shows a finding of that kind."""
    return any(found.kind == difference.kind and same_refusal(found, difference) for found in check(case).findings)


def same_refusal(one: Difference, other: Difference) -> bool:
    return all(
        type(a.refusal) is type(b.refusal) and str(a.refusal)[:20] == str(b.refusal)[:20]
        for a, b in ((one.ours, other.ours), (one.theirs, other.theirs))
    )


def with_fault(case: Case) -> Case:
    """The case with all learning rates a hundredth larger."""
    steps = [
        replace(step, settings={"value": step.settings["value"] * FAULT}) if step.method == "rate" else step
        for step in case.steps
    ]
    return replace(case, optimizer=faster(case.optimizer), steps=tuple(steps))


def faster(made: New) -> New:
    arguments = dict(made.arguments)
    for name, value in arguments.items():
        if isinstance(value, New):
            arguments[name] = faster(value)
        elif name in RATES:
            arguments[name] = value * FAULT
        elif name == "values":
            arguments[name] = [rate * FAULT for rate in value]
    return New(made.path, arguments)


def unnoticed(case: Case, outcome: Outcome) -> list[str]:
    """What to say if a model with the fault trains and its weights do not show it."""
    if not outcome.trains or any(difference.kind == "moved" for difference in outcome.findings):
        return []
    if outcome.rows:  # Keras does otherwise in this model, on purpose: then two runs of ours are held beside each other
        straight, faulty = trace.run(sequax, case, keras), trace.run(sequax, with_fault(case), keras)
        if any(difference.kind == "moved" for difference in compare.differences(faulty, straight)):
            return []
    return ["a learning rate off by a hundredth is not noticed"]


def in_full(case: Case) -> Case:
    """The case in float32: gradients in 16 bits are off by nearly as much as the fault."""
    return replace(case, policy="float32")
