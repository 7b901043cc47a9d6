"""Random small models in both libraries: some of those of `make fuzz-keras`, and that it finds what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import sequax
from tests.long import some

keras = pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")

from tools.fuzz_keras import check, compare, draw, explained, shrink, trace  # noqa: E402
from tools.fuzz_keras.case import Case, Head, New, Node, Source, Step  # noqa: E402
from tools.fuzz_keras.settings import quick_initializers  # noqa: E402

CHUNK = 5

LINE = Case(
    seed=1,
    kind="sequential",
    policy="float32",
    rows=6,
    sources=(Source((3,)),),
    layers=(New("layers.Rescaling", {"scale": 2.0}), New("layers.Dense", {"units": 1})),
    nodes=(Node(0, (0,)), Node(1, (1,))),
    outputs=(2,),
    heads=(Head("mse", "real"),),
    optimizer=New("optimizers.SGD", {"learning_rate": 0.05}),
    settings={},
    steps=(Step("predict"), Step("fit", {"epochs": 2, "batch_size": 4})),
)


@pytest.fixture(autouse=True, scope="module")
def initializers():
    with quick_initializers(keras, sequax):
        yield


@pytest.fixture
def memory():
    yield
    check.forget()


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("first", some(range(0, 50, CHUNK), of=10))
def test_random_models_say_what_keras_says(first):
    for seed in range(first, first + CHUNK):
        case = draw.case(seed)
        outcome = check.check(case)
        assert not outcome.findings, f"\n{case}\n" + "\n".join(map(str, outcome.findings))


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("first", range(1000, 1005, CHUNK))
def test_a_learning_rate_off_by_a_hundredth_is_found_in_every_model_that_trains(first):
    for seed in range(first, first + CHUNK):
        case = check.in_full(draw.case(seed))
        assert check.unnoticed(case, check.check(case, check.with_fault(case))) == [], case


def test_a_case_follows_from_its_seed_and_prints_all_of_itself():
    assert draw.case(7) == draw.case(7) != draw.case(8)
    assert all(layer.path in str(draw.case(7)) for layer in draw.case(7).layers)


@pytest.mark.parametrize("each", explained.TABLE, ids=lambda each: each.row)
def test_what_is_explained_stands_in_the_list_of_differences(each):
    lines = Path("docs/differences.md").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith(each.row) for line in lines) == 1


def test_numbers_names_shapes_and_refusals_that_differ_are_told():
    theirs = trace.run(keras, LINE, sequax)
    assert compare.differences(trace.run(sequax, LINE, keras), theirs) == [] and compare.trains(theirs)
    others = {
        "moved": check.with_fault(LINE),
        "outputs": replace(LINE, layers=(New("layers.Rescaling", {"scale": 2.0001}), LINE.layers[1])),
        "shapes": replace(LINE, layers=(LINE.layers[0], New("layers.Dense", {"units": 2}))),
        "weights": replace(LINE, layers=(New("layers.Dense", {"units": 3}), LINE.layers[1])),
        "config": replace(LINE, layers=(LINE.layers[0], New("layers.Dense", {"units": 1, "bias_regularizer": "l1"}))),
        "refusal": replace(LINE, steps=(*LINE.steps, Step("fit", {"epochs": -1}))),
    }
    for kind, other in others.items():
        kinds = {difference.kind for difference in compare.differences(trace.run(sequax, other, keras), theirs)}
        assert kind in kinds or (kind == "outputs" and "result" in kinds), (kind, kinds)


def test_what_a_library_shows_against_itself_at_weights_slightly_off_is_rounding(monkeypatch):
    straight = trace.run(keras, LINE, sequax)
    assert check.shaken_notes(LINE, straight, keras, sequax) == set()
    monkeypatch.setattr(check, "NUDGES", (0.01,))
    assert check.shaken_notes(LINE, straight, keras, sequax) == {"0 predict: result", "1 fit: result", "1 fit: moved"}


def test_a_failing_case_is_made_small():
    case = next(case for case in map(draw.case, range(2000, 2100)) if len(case.outputs) > 1)
    seen = []

    def fails(each):
        seen.append(each)
        return any(layer.path == "layers.Dense" for layer in each.layers)

    small = shrink.shrink(case, fails, seconds=5)
    assert len(small.nodes) == 1 and len(small.steps) == 1 and len(small.outputs) == 1
    assert small.kind in ("sequential", "functional") and not small.settings and not small.heads[0].metrics
    assert len(seen) < 200
