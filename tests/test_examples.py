"""The guides in `examples/` print the same under Sequax as under Keras, whose answers stand in `tests/guides/`.

`python tests/test_examples.py` writes those files anew, by running the guides under Keras. With SEQUAX_ALL_GUIDES=1
the test holds all of them against Keras itself; otherwise only one, because Keras takes minutes for the rest.
"""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
RECORDED = Path(__file__).parent / "guides"
GUIDES = sorted(path.stem for path in (ROOT / "examples").glob("guide_*.py"))
WITH_KERAS = GUIDES if os.environ.get("SEQUAX_ALL_GUIDES") == "1" else ["guide_gan"]
FREE = ("Batch ", "TerminateOnNaN")  # beginnings of lines in which the libraries use their own words
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")

HEADING = "##### "
RUN_BY_KERAS = """
import runpy, sys
for script in sys.argv[1:]:
    print(HEADING + script, flush=True)
    runpy.run_path(script, run_name="__main__")
"""
RUN_BY_SEQUAX = """
import sys
from sequax.cli.run import run_script
for script in sys.argv[1:]:
    print(HEADING + script, flush=True)
    if run_script(script):
        sys.exit(f"{script} failed")
"""


def run(program: str, guides: list[str]) -> dict[str, list[str]]:
    """The lines that each guide prints; all of them run in one process, since imports take long."""
    scripts = [str(ROOT / "examples" / f"{guide}.py") for guide in guides]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", f"HEADING = {HEADING!r}\n{program}", *scripts]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-3000:]
    parts = done.stdout.split(HEADING)[1:]
    found = {Path(part.partition("\n")[0]).stem: part.splitlines()[1:] for part in parts}
    return {guide: [line for line in found[guide] if not line.startswith(FREE)] for guide in guides}


def differences(lines: list[str], expected: list[str]) -> list[str]:
    """The lines that differ: "name: numbers" must agree to 0.1 %, "name ~ number" to a tenth."""
    if len(lines) != len(expected):
        return [f"{len(lines)} lines instead of {len(expected)}", *lines[-3:]]
    return [
        f"{ours!r} instead of {theirs!r}"
        for ours, theirs in zip(lines, expected, strict=True)
        if not same(ours, theirs)
    ]


def same(ours: str, theirs: str) -> bool:
    relative, absolute = (0.1, 0.1) if " ~ " in theirs else (1e-3, 2e-4)
    if NUMBER.sub("", ours) != NUMBER.sub("", theirs):
        return False
    pair = [np.array(NUMBER.findall(line), dtype=float) for line in (ours, theirs)]
    return np.allclose(*pair, rtol=relative, atol=absolute)


def recorded(guide: str) -> list[str]:
    return (RECORDED / f"{guide}.txt").read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def by_sequax() -> dict[str, list[str]]:
    return run(RUN_BY_SEQUAX, GUIDES)


@pytest.mark.parametrize("guide", GUIDES)
def test_sequax_prints_what_keras_prints(by_sequax, guide):
    assert differences(by_sequax[guide], recorded(guide)) == []


def test_the_records_are_those_of_keras():
    pytest.importorskip("keras", reason="Keras, the oracle, is not installed: pip install 'sequax[dev]'")
    for guide, lines in run(RUN_BY_KERAS, WITH_KERAS).items():
        assert differences(lines, recorded(guide)) == [], guide


def test_guides_import_keras_only():
    for guide in GUIDES:
        text = (ROOT / "examples" / f"{guide}.py").read_text(encoding="utf-8")
        assert "\nimport keras\n" in text and "import sequax" not in text and "from sequax" not in text, guide


def test_a_network_of_keras_is_fine_tuned(tmp_path, capsys, monkeypatch):
    keras = pytest.importorskip("keras", reason="Keras, which saves the network, is not installed")
    base = keras.applications.MobileNetV2((32, 32, 3), 0.35, include_top=False, pooling="avg", weights=None)
    example, rng = ROOT / "examples" / "fine_tune.py", np.random.default_rng(0)
    scaled = runpy.run_path(str(example), run_name="imported")["scaled"]
    base.set_weights([scaled(rng, w) if w.ndim == 4 else w for w in base.get_weights()])
    base.save(tmp_path / "base.keras")
    monkeypatch.setattr(sys, "argv", [str(example), str(tmp_path / "base.keras"), str(tmp_path)])
    runpy.run_path(str(example), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    right = [int(percent) for percent in re.findall(r"(\d+)% right", "\n".join(lines))]
    assert len(right) == 3 and right[0] > 50 and right[1] >= right[0] and right[2] == right[1], lines
    assert "saved and loaded: the same predictions: True" in lines
    assert int(re.findall(r"same digit for (\d+)%", "\n".join(lines))[0]) > 90, lines


def test_comparison_sees_differences():
    assert same("loss: 1.0001", "loss: 1.0004") and not same("loss: 1.0001", "loss: 1.0104")
    assert same("right ~ 0.95", "right ~ 0.90") and not same("right ~ 0.95", "right ~ 0.60")
    assert not same("built: True", "built: False") and not same("layers: 3", "layers: 4")


if __name__ == "__main__":
    RECORDED.mkdir(exist_ok=True)
    for name, output in run(RUN_BY_KERAS, sys.argv[1:] or GUIDES).items():
        (RECORDED / f"{name}.txt").write_text("\n".join(output) + "\n", encoding="utf-8")
