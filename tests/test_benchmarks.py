"""The benchmark instrument: turns, medians, ratios, failures by name. Nothing is timed."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest

from benchmarks import check, child, driver, growth, jobs, page, peers, report
from benchmarks.loops import Run
from benchmarks.workload import Habit, clusters, find, glorot

FAKE = """
import json, sys, time
manner, log = sys.argv[1:]
fits = 0
for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "start":
        answer = {"ready": True, "versions": {"fake": "1"}}
    elif manner == "dies" and fits:
        sys.exit("out of cheese")
    elif manner == "hangs":
        time.sleep(60)
    elif manner == "raises":
        answer = {"error": "ValueError: no such layer"}
    else:
        # the first turn compiles: 100 s; then 1, 3, 2, ... s
        answer = {"seconds": [100.0, 1.0, 3.0, 2.0][fits], "loss": 0.5 - fits / 10, "peak_mb": 10.0 * (fits + 1)}
        fits += 1
    with open(log, "a") as file:
        file.write(request["do"] + " " + manner + "\\n")
    print(json.dumps(answer), flush=True)
"""


def fake_peer(manner: str) -> peers.Peer:
    return peers.Peer(manner, manner.title(), "keras", "fake", ())


def run_fakes(tmp_path: Any, *manners: str, rounds: int = 3) -> dict[str, Any]:
    children = []

    def launch(workload: str, peer: peers.Peer, cache: str) -> driver.Child:
        children.append(driver.Child([sys.executable, "-S", "-c", FAKE, peer.name, str(tmp_path / "log")], {}))
        return children[-1]

    records = driver.take_turns(
        "tabular",
        [fake_peer(manner) for manner in manners],
        rounds,
        lambda peer, first: {"do": "fit"},
        launch=launch,
        timeout=2.0,
    )
    assert all(child.process.poll() is not None for child in children)  # none is left behind
    return records


def test_first_turn_is_apart_and_seconds_are_the_median_of_the_rounds(tmp_path):
    record = run_fakes(tmp_path, "works")["works"]
    assert record == {
        "first": 100.0,
        "loss": 0.5,
        "peak_mb": 40.0,
        "versions": {"fake": "1"},
        "rounds": [1.0, 3.0, 2.0],
        "seconds": 2.0,
    }


def test_peers_take_turns_in_rotating_order(tmp_path):
    run_fakes(tmp_path, "a", "b", "c")
    turns = [line.split()[1] for line in (tmp_path / "log").read_text().splitlines() if line.startswith("fit")]
    assert "".join(turns) == "abc" + "abc" + "bca" + "cab"


@pytest.mark.parametrize(
    ("manner", "message"),
    [
        ("dies", "died with status 1 during 'fit': out of cheese"),
        ("hangs", "no answer to 'fit' within 2 s"),
        ("raises", "ValueError: no such layer"),
    ],
)
def test_failing_peer_is_named_and_the_others_go_on(tmp_path, manner, message):
    records = run_fakes(tmp_path, manner, "works", rounds=1)
    assert records[manner] == {"error": message}
    assert records["works"]["seconds"] == 1.0
    rows = [{"kind": "training", "name": "tabular", "title": "t", "peers": records}]
    assert f"tabular: {manner} failed: {message}" in report.summary(rows)


def test_missing_environment_is_skipped_by_name(tmp_path, monkeypatch, capsys):
    from benchmarks.__main__ import present

    monkeypatch.setenv("SEQUAX_BENCH_PEERS", str(tmp_path))
    assert [peer.name for peer in present(["sequax", "torch"])] == ["sequax"]
    assert capsys.readouterr().err == "torch: not installed, `make bench-peers`\n"


def test_children_see_an_empty_cache_and_their_backend(monkeypatch):
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/somewhere")
    variables = peers.PEERS["keras-torch"].variables("/cache")
    assert variables["KERAS_BACKEND"] == "torch"
    assert variables["SEQUAX_CACHE"] == "/cache"
    assert "JAX_COMPILATION_CACHE_DIR" not in variables


def test_child_answers_for_a_real_library():
    peer = peers.PEERS["sklearn"]
    if peer.missing():
        pytest.skip("scikit-learn is not installed")
    child = driver.launch("tabular", peer, "off")
    try:
        assert "scikit-learn" in child.ask(do="start")["versions"]
        answer = child.ask(do="fit")
        assert answer["loss"] < 0.3
        assert answer["peak_mb"] > 10
        with pytest.raises(driver.Failed, match="TypeError: 'NoneType'"):
            child.ask(do="predict", rows=1, calls=1)
    finally:
        child.close()


def row(name: str, kind: str = "training", **seconds: float) -> report.Row:
    records = {peer.replace("_", "-"): {"seconds": value} for peer, value in seconds.items()}
    return {"kind": kind, "name": name, "title": name, "peers": records}


ROWS = [
    row("a", sequax=1.0, keras_jax=4.0, keras_tensorflow=2.0, torch=0.5),
    row("b", sequax=2.0, keras_jax=1.0, torch=4.0),
    row("c", sequax=1.0),
]


def test_ratios_and_means():
    assert report.ratio(ROWS[0], "keras-jax") == 4.0
    assert report.ratio(ROWS[2], "torch") is None
    assert report.ratios(ROWS, report.fastest_keras) == {"a": 2.0, "b": 0.5}
    assert report.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    assert report.geometric_mean([]) is None
    lines = report.summary(ROWS)
    assert "Training: the fastest Keras backend of each row / Sequax, mean of 2 rows: 1.00" in lines
    assert "Rows where a Keras backend is ahead: b (0.50) (of 2)." in lines


def test_table_shows_ratios_and_leaves_empty_columns_out():
    from rich.console import Console

    console = Console(width=200)
    with console.capture() as captured:
        report.show(ROWS, console)
    text = captured.get()
    assert "4.00" in text
    assert "Keras, JAX" in text
    assert "Flax" not in text
    assert "peak MB" not in text


def test_document_holds_the_rounds_and_names_no_machine(tmp_path):
    import platform

    rows = [row("a", sequax=1.23456789)]
    rows[0]["peers"]["sequax"] |= {"versions": {"jax": "0"}, "rounds": [1.0]}
    report.write(rows, tmp_path / "figures.json")
    text = (tmp_path / "figures.json").read_text()
    document = json.loads(text)
    assert document["versions"] == {"sequax": {"jax": "0"}}
    assert document["rows"][0]["peers"]["sequax"] == {"seconds": 1.2346, "rounds": [1.0]}
    assert document["machine"]["cores"] >= 1
    assert not platform.node() or platform.node() not in text


def test_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks import picture

    picture.draw([*ROWS, row("p", "predict", sequax=1.0, jax=0.9)], tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_check_measures_a_fallen_row_once_more():
    committed = [row("a", sequax=1.0, keras_jax=9.0), row("b", sequax=1.0, keras_jax=3.0), row("new", sequax=1.0)]
    asked = []

    def measure(names: list[str]) -> list[report.Row]:
        asked.append(names)
        # a: noise the first time; b: fallen for good
        again = len(asked) == 2
        return [row(name, sequax=1.0, keras_jax=8.0 if (name, again) == ("a", True) else 1.9) for name in names]

    fallen = check.check(measure, ["a", "b", "new"], committed, tell=lambda text: None)
    assert asked == [["a", "b", "new"], ["a", "b"]]
    assert [str(change) for change in fallen] == ["b: Keras on JAX / Sequax 1.90, committed 3.00"]


def test_check_takes_noise_and_fails_a_row_that_has_no_figure():
    committed = [row("a", sequax=1.0, keras_jax=3.0)]
    assert not check.compare([row("a", sequax=1.0, keras_jax=2.1)], committed)[0].fallen
    failed = row("a", keras_jax=2.0)
    assert check.compare([failed], committed)[0].fallen


def test_check_measures_rows_that_exist():
    every = [*jobs.jobs(), *jobs.jobs("works")]
    names = {job.name for job in every}
    assert set(check.MAIN) <= names
    assert len(names) == len(every)


def test_words_choose_rows():
    names = [job.name for job in jobs.chosen(jobs.jobs(), ["predict-mlp", "search"])]
    assert names == ["predict-mlp-1", "predict-mlp-32", "predict-mlp-100000", "search"]
    families = jobs.jobs("families")
    assert find(families[0].name).title == families[0].title


def test_start_weights_and_data_are_the_same_every_time():
    draws = [glorot(np.random.default_rng(3), 3, 3, 8, 16) for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    assert np.abs(draws[0]).max() <= np.sqrt(6 / (9 * 24))
    (x, y), (again, _) = clusters(20, (4,), 3), clusters(20, (4,), 3)
    np.testing.assert_array_equal(x, again)
    assert (x.dtype, y.dtype, x.shape, y.shape) == ("float32", "int32", (20, 4), (20,))


def test_straight_line_and_its_deviation():
    line = growth.fit_line([1, 2, 3], [12, 14, 16])
    assert (line.slope, line.start) == (pytest.approx(2), pytest.approx(10))
    assert line.deviation == pytest.approx(0, abs=1e-12)
    assert growth.fit_line([1, 2, 3], [1, 2, 9]).deviation > 0.1


def test_growth_of_memory_is_found(monkeypatch):
    memory = {"fit": {"50": 100.0, "500": 104.0}, "predict": {"50": 100.0, "500": 106.0}}
    monkeypatch.setattr(growth, "in_child", lambda calls: memory[calls])
    assert growth.leaks() == ["predict"]


def test_the_committed_tables_show_the_committed_figures():
    both = page.committed("benchmarks.json"), page.committed("works.json")
    for name, tables in (("README.md", page.readme(*both)), ("docs/performance.md", page.performance(*both))):
        text = (peers.ROOT / name).read_text()
        assert f"{page.BEGIN}\n{tables}\n{page.END}" in text, f"{name}: run python -m benchmarks.page"


WORKS = [
    row("work:a", "works", sequax=1.0, keras_jax=3.0, keras_torch=2.0),
    row("work:b", "works", sequax=0.002, keras_jax=0.001, keras_torch=0.2),
]
WORKS[0]["peers"]["sequax"] |= {"first": 12.34, "predict": 0.5, "peak_mb": 100.0}
WORKS[0]["peers"]["keras-torch"] |= {"first": 6.17, "predict": 0.1, "peak_mb": 150.0}


def test_works_stand_worst_first():
    text = page.works_table(WORKS)
    assert text.splitlines()[2:] == [
        "| work:b | 2 ms | 1 ms |  | 0.2 | 0.50 |  |  |  |",
        "| work:a | 12.3 / 1 / 0.5 | 3 |  | 6.2 / 2 / 0.1 | 2.00 | 0.50 | 0.20 | 1.50 |",
    ]
    assert text in page.performance(ROWS, WORKS)
    shown = page.readme(ROWS, WORKS)
    assert shown.index("work:b") < shown.index("work:a")


def test_readme_shows_both_ends_of_many_works():
    works = [row(f"work:{n}", "works", sequax=1.0, keras_jax=float(n)) for n in range(1, 31)]
    shown = [line.split("|")[1].strip() for line in page.readme([], works).splitlines() if line.startswith("| work:")]
    assert shown == [f"work:{n}" for n in (*range(1, 7), *range(25, 31))]


def test_work_tells_turns_and_predictions(monkeypatch):
    run = Run(lambda: 0.25, lambda x: x)
    session = child.Session(find("tabular"), peers.PEERS["sequax"])
    session.run, session.x = run, np.zeros(3)
    answer = session.work(lasting=0.001)
    assert set(answer) == {"seconds", "loss", "predict", "peak_mb"}
    calls = []
    habit = child.Session(
        Habit("h", "H", lambda library: lambda: calls.append(library.__name__)), peers.PEERS["sequax"]
    )
    habit.start()
    assert set(habit.work(lasting=0.0)) == {"seconds", "peak_mb"}
    assert calls == ["sequax"]


def test_tables_leave_out_what_was_not_measured(tmp_path, monkeypatch):
    rows = [
        {"kind": "training", "name": "tabular", "title": "T", "peers": {"sequax": {"seconds": 0.02}, "torch": {}}},
        {
            "kind": "predict",
            "name": "p",
            "title": "P",
            "peers": {"sequax": {"seconds": 2.0}, "torch": {"seconds": 31.0}},
        },
    ]
    text = page.performance(rows)
    assert "| workload | Sequax |\n| --- | ---: |\n| T | 20.0 ms |" in text
    assert "| workload | Sequax | PyTorch |\n| --- | ---: | ---: |\n| P | 2.00 s | 16 |" in text
    (tmp_path / "README.md").write_text("no marks")
    monkeypatch.setattr(page, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="lacks the marks"):
        page.replace("README.md", text)
