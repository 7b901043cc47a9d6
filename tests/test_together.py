"""Several real processes on this machine: equal to one, ended together, refused together, resumed in other numbers."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest

from tests import together

SCRIPT = Path(together.__file__)
PATIENT_SECONDS, HEARTBEAT_SECONDS = 120, 5  # the latter where one of them stops to answer
END_SECONDS = 2  # from the moment that one has ended to the end of all
RESUMED = 1e-6  # between a run that was resumed in other numbers and one that was not disturbed
SLACK_SECONDS = 3  # for a machine that does other things, too; alone most take less than one

many = pytest.mark.skipif(os.environ.get("SEQUAX_TEST_PROCESSES") != "1", reason="`make test-processes` runs it")


def launched(folder, name, processes=2, restarts=0, heartbeat=PATIENT_SECONDS):
    """The exit code, what was printed, and what each process returned."""
    command = [sys.executable, "-m", "sequax", "launch", "--processes", str(processes), "--restarts", str(restarts)]
    environment = {**os.environ, "SEQUAX_HEARTBEAT_SECONDS": str(heartbeat)}
    flags = re.sub(r"(device_count)=\d+", r"\1=2", os.environ.get("XLA_FLAGS", ""))  # each has two
    environment["XLA_FLAGS"] = flags
    environment["PYTHONPATH"] = os.pathsep.join([str(SCRIPT.parent.parent), os.environ.get("PYTHONPATH", "")])
    command += [str(SCRIPT), name, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    results = [folder / f"result-{number}.json" for number in range(processes)]
    return done, [json.loads(path.read_text()) for path in results if path.exists()]


def assert_close(found, expected, place="", tolerance=1e-5):
    if isinstance(expected, dict):
        assert sorted(found) == sorted(expected)
        for key in expected:
            assert_close(found[key], expected[key], f"{place}/{key}", tolerance)
    else:
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance, err_msg=place)


def alone(folder, name):
    folder.mkdir(exist_ok=True)
    return json.loads(json.dumps(getattr(together, name)(folder)))


def trains_as_one(tmp_path, name, processes=2):
    folder = tmp_path / "together"
    folder.mkdir()
    done, results = launched(folder, name, processes)
    assert done.returncode == 0, done.stderr
    assert len(results) == processes
    expected = alone(tmp_path / "alone", name)
    for result in results:
        assert_close(result, expected)
    return done, folder


def test_two_processes_train_as_one(tmp_path):
    done, folder = trains_as_one(tmp_path, "main")
    lines = [line for line in done.stdout.splitlines() if "Epoch" in line]
    assert len(lines) == 3 and all(line.startswith("[0]") for line in lines)  # one shows
    log = (folder / "arrays" / "log.csv").read_text().splitlines()
    assert len(log) == 4
    assert sorted(path.name for path in (folder / "arrays").glob("*.keras")) == ["1.keras", "2.keras", "3.keras"]


@many
def test_without_devices_each_trains_its_own(tmp_path):
    done, _ = launched(tmp_path, "alone")
    assert done.returncode == 0
    assert done.stderr.count("Each of the 2 processes trains a model 'sequential' of its own.") == 1
    assert sorted(path.name for path in tmp_path.glob("*.keras")) == ["own-0.keras", "own-1.keras"]


@many
@pytest.mark.parametrize(
    ("name", "processes"),
    [*itertools.product(["main", "rest", "recurrent", "grain_rows", "orbax"], [2, 3]), ("main", 4), ("grain_rows", 4)],
)
def test_processes_train_as_one(tmp_path, name, processes):
    trains_as_one(tmp_path, name, processes)


@many
def test_a_checkpoint_of_orbax_is_read_by_one_process(tmp_path):
    pytest.importorskip("orbax.checkpoint")
    _, folder = trains_as_one(tmp_path, "orbax")
    loaded = together.sq.models.load_model(folder / "orbax")
    x, y = together.data()
    expected = json.loads((folder / "result-0.json").read_text())["evaluated"]
    assert_close(loaded.evaluate(x, y, batch_size=30, verbose=0, return_dict=True), expected)


ENDS = {
    "killed": (137, "process 1 ended first, by SIGKILL", 0),
    "first_killed": (137, "process 0 ended first, by SIGKILL", 0),
    "stopped": (75, "process 1 did not answer any more", 2 * HEARTBEAT_SECONDS),
    "raised": (1, "process 1 ended first, with exit code 1", 0),
    "exited": (4, "process 1 ended first, with exit code 4", 0),
}


def ends_together(tmp_path, name):
    code, line, limit = ENDS[name]
    done, results = launched(tmp_path, name, heartbeat=HEARTBEAT_SECONDS if limit else PATIENT_SECONDS)
    seconds = time.time() - float((tmp_path / "happened").read_text())
    assert (done.returncode, results) == (code, [])
    assert line in done.stderr.splitlines()[-1]
    assert float(re.search(r"(\d+\.\d) s\b", done.stderr.splitlines()[-1])[1]) < END_SECONDS + SLACK_SECONDS
    # From what happened to the end of `launch`: the interpreter's own beginning and end are in it.
    assert seconds < limit + END_SECONDS + 2 * SLACK_SECONDS
    return done


def test_one_is_killed_and_one_process_goes_on(tmp_path):
    done = ends_together(tmp_path, "killed")
    assert "PeerLost: Another process of this run has ended, so process 0 of 2 cannot go on." in done.stderr
    assert_close(alone(tmp_path, "killed"), alone(tmp_path / "undisturbed", "interrupted"), tolerance=RESUMED)


@many
def test_one_may_be_late_at_the_end(tmp_path):
    done, results = launched(tmp_path, "late", heartbeat=HEARTBEAT_SECONDS)
    assert (done.returncode, results) == (0, [{}, {}])


@many
@pytest.mark.parametrize("name", ENDS)
def test_ends_together(tmp_path, name):
    ends_together(tmp_path, name)


@many
@pytest.mark.parametrize(
    ("name", "first", "second"),
    [("killed", 2, 3), ("sharded_killed", 2, 3), ("killed", 4, 2), ("sharded_killed", 4, 2)],
)
def test_resumes_in_other_numbers(tmp_path, name, first, second):
    undisturbed = alone(tmp_path / "undisturbed", "interrupted")
    folder = tmp_path / "run"
    folder.mkdir()
    assert launched(folder, name, first)[0].returncode == 137
    # Others take it up, and are ended, too; then one.
    (folder / "happened").unlink()
    done, results = launched(folder, name, second)
    if results:
        assert_close(results[0], undisturbed, tolerance=RESUMED)
    else:
        assert done.returncode == 137
    assert_close(alone(folder, name), undisturbed, tolerance=RESUMED)


@many
def test_starts_again_and_goes_on(tmp_path):
    done, results = launched(tmp_path, "killed", 2, restarts=1)
    assert done.returncode == 0 and "starts all 2 processes again (1 of 1)" in done.stderr
    undisturbed = alone(tmp_path / "undisturbed", "interrupted")
    for result in results:
        assert_close(result, undisturbed, tolerance=RESUMED)


def is_refused(tmp_path, name, sentence):
    done, results = launched(tmp_path, name)
    assert (done.returncode, results) == (1, [])
    for number in range(2):
        assert any(line.startswith(f"[{number}] ValueError") and sentence in line for line in done.stderr.splitlines())


def test_other_seeds_are_refused_in_all(tmp_path):
    is_refused(tmp_path, "other_seeds", "The processes of this run do not do the same: in process 1, ")


@many
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("other_order", "in process 1, first batches are seed="),
        ("other_weights", "in process 1, values of weights are sequential/dense/kernel: "),
        ("other_data", "in process 1, x and y is data=float32[99, 8], and in process 0 data=float32[100, 8]"),
        (
            "other_batches",
            "after batch 3 of epoch 1 (from 1) process 1 has 1 of 20 rows (float32[8], float32[1]), and process 0 2",
        ),
        ("other_rows", "after batch 1 of epoch 1 (from 1) process 1 has 1 of 8 rows"),
    ],
)
def test_what_differs_is_refused_in_all(tmp_path, name, sentence):
    is_refused(tmp_path, name, sentence)


@many
@pytest.mark.parametrize(
    ("name", "error", "told"),
    [
        (
            "bad_on_disk",
            "ValueError: x has 8 entries that are NaN or infinite, in 1 row (first: NaN at row 60",
            "the rows of epoch 1: process 1 of 2 has raised ValueError: x has",
        ),
        (
            "broken_stream",
            "OSError: the disk is gone",
            "the batches of epoch 1: process 1 of 2 has raised OSError: the",
        ),
    ],
)
def test_what_goes_wrong_in_one_is_told_in_all(tmp_path, name, error, told):
    done, results = launched(tmp_path, name)
    assert (done.returncode, results) == (1, [])
    assert f"[1] {error}" in done.stderr and f"[0] sequax.distribution.PeerLost: {told}" in done.stderr
    assert "process 1 ended first, with exit code 1" in done.stderr.splitlines()[-1]


@many
def test_other_rows_are_refused_in_all_calls(tmp_path):
    done, results = launched(tmp_path, "measured_apart")
    assert done.returncode == 0, done.stderr
    begin = "The processes of this run do not do the same: in process 1, x and y is "
    assert results[0] == results[1] and [text.startswith(begin) for text in results[0]] == [True] * 7


@many
def test_nobody_waits_for_one_that_has_come_to_its_end(tmp_path):
    done, results = launched(tmp_path, "early")
    assert (done.returncode, results) == (1, [])
    assert "[0] RuntimeError: Process 0 of 2 waits for process 1 at the beginning of fit(), which has" in done.stderr


@pytest.mark.filterwarnings("ignore:A .*step")  # small steps on several devices
def test_one_process_asks_nobody(monkeypatch):
    """No look at the other processes' store, and no wait."""
    from sequax.core import peers

    def refuse(*args):
        raise AssertionError

    monkeypatch.setattr(peers, "agreed", refuse)
    monkeypatch.setattr(peers, "gathered", refuse)
    x, y = together.data()
    made = together.model()
    made.fit(x, y, verbose=0, devices=2 if len(jax.devices()) > 1 else None)
    made.evaluate(x, y, verbose=0)
    made.predict(x, verbose=0)
