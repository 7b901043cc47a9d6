"""A few of the cases of `make fuzz`: damaged files of all kinds are refused or read right."""

from __future__ import annotations

import sys

import pytest

from tools import fuzz

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory and limits are read from /proc")


def test_damaged_files_are_refused_or_read_right(capfd):
    found = fuzz.main(["--count=40", "--step=311", "--seed=1", "--jobs=1"])
    output = capfd.readouterr().out
    assert found == 0 and "nothing found" in output, output
    assert all(name in output for name in fuzz.KINDS)


def test_cases_are_all_lengths_and_then_changed_bytes():
    data = bytes(range(256)) * 4
    numbers = fuzz.cases(len(data), 1, 10)
    lengths = [len(fuzz.damaged(data, number, 1, 3)) for number in numbers]
    assert lengths == [*range(1024), *[1024] * 10]
    for number in numbers[-10:]:
        changed = fuzz.damaged(data, number, 1, 3)
        assert sum(a != b for a, b in zip(data, changed, strict=True)) == 1
        assert changed == fuzz.damaged(data, number, 1, 3) != fuzz.damaged(data, number, 1, 4)
