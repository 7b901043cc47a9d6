"""The check that is prepared for a GPU: what it does without one, and what it makes of results."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import sequax
from benchmarks import gpu
from benchmarks.lowering import for_platform, programs_of
from benchmarks.peers import PEERS
from sequax.training import compiled
from tests.layer_table import Row


@pytest.mark.parametrize(("name", "count"), [("tabular", 3), ("work:convnet_bn", 3), ("work:q_learning", 2)])
def test_programs_are_lowered_for_a_platform_that_is_not_there(name, count):
    texts = programs_of(name, "cuda")
    assert len(texts) == count
    assert all("stablehlo" in text for text in texts)


def test_lowering_takes_the_kernels_of_the_platform():
    cuda, cpu = (programs_of("work:conv3d", platform)[0] for platform in ("cuda", "cpu"))
    # On a processor convolutions over three axes go plane by plane.
    assert 0 < cuda.count("stablehlo.convolution") < cpu.count("stablehlo.convolution")


def test_nothing_of_it_stays_behind():
    def fitted():
        sequax.utils.set_random_seed(0)
        model = sequax.Sequential([sequax.Input((3,)), sequax.layers.Dense(1)])
        model.compile("sgd", "mse")
        return model.fit(np.ones((4, 3)), np.zeros((4, 1)), verbose=0).history["loss"][0]

    expected = fitted()
    with for_platform("cuda") as texts:
        assert fitted() == 1.0
    assert len(texts) == 1
    assert not compiled._programs
    assert fitted() == expected != 1.0


def test_lowering_names_what_failed(monkeypatch):
    monkeypatch.setitem(gpu.WORKS, "broken", SimpleNamespace(data=None))
    found = gpu.lowered(time.monotonic() + 60, "cuda", ["tabular", "work:broken"])
    assert found["tabular"] == {"programs": 3}
    assert found["work:broken"]["error"].startswith("TypeError")
    assert not gpu.lowered(time.monotonic() - 1, "cuda", ["tabular"])


def test_layers_are_compared_between_devices():
    rows = [("dense", Row("Dense", {"units": 3}, (2, 5))), ("odd", Row("Dense", {"units": -1}, (2, 5)))]
    found = gpu.compare_layers(*jax.devices()[:2], time.monotonic() + 60, rows)
    assert found["dense"]["difference"] < 1e-6
    assert "units" in found["odd"]["error"]
    names = [name for name, _ in gpu.table_rows()]  # those of the whole table, the first of each layer first
    assert len(set(names)) == len(names) > 200


def test_differences_are_relative_and_know_nan():
    assert gpu.difference([np.array([100.0, 1.0])], [np.array([100.0, 2.0])]) == pytest.approx(0.01)
    assert gpu.difference([np.array([0.1])], [np.array([0.2])]) == pytest.approx(0.1)
    assert gpu.difference([np.array([np.nan])], [np.array([np.nan])]) == 0.0
    assert gpu.difference([np.array([np.nan])], [np.array([0.0])]) == float("inf")


def test_alarm_ends_what_takes_too_long():
    with pytest.raises(TimeoutError), gpu.alarm(time.monotonic() + 0.05):
        time.sleep(5)
    with gpu.alarm(time.monotonic() + 60):
        pass


def test_peers_of_this_environment_serve_where_they_have_none_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQUAX_BENCH_PEERS", str(tmp_path))
    own = PEERS["torch"]._replace(distributions=("json",))
    assert gpu.here(own).missing() in (None, "not installed, `make bench`")
    assert gpu.here(PEERS["torch"]._replace(distributions=("no_such_module",))).missing()


def test_results_of_one_version_on_one_device_stand_beside_others(tmp_path):
    options = SimpleNamespace(json=tmp_path / "gpu.json", page=tmp_path / "gpu.md")
    row = {"kind": "training", "name": "a", "title": "A", "peers": {}}
    row["peers"] = {"sequax": {"seconds": 1.0, "device_mb": 1234.5}, "torch": {"seconds": 3.0, "device_mb": 99.0}}
    layers = {"dense": {"difference": 1e-7}, "conv": {"difference": 0.5}, "lstm": {"error": "ValueError: no"}}
    first = {"date": "2026-01-01", "jax": "0.10.2", "device": "H", "layers": layers, "rows": [row]}
    second = {"date": "2026-01-01", "jax": "0.11.0", "device": "no GPU", "lowered": {"tabular": {"programs": 3}}}
    for found in (first, second, second):
        gpu.write(found, options)
    assert list(json.loads(options.json.read_text())) == ["JAX 0.10.2, H", "JAX 0.11.0, no GPU"]
    page = options.page.read_text()
    assert "| A |  | 1.00 s |  | 3.00 | 1,234 | 99 |" in page
    assert "- conv: differs by 0.5" in page
    assert "- lstm: ValueError: no" in page
    assert "There was no GPU. 3 programs" in page
