"""Keras' public names: each is implemented, or says why it is not; and what `tools/api_gaps.py` tells apart."""

from __future__ import annotations

from types import ModuleType

import pytest

import sequax
from tools import api_gaps
from tools.api_gaps import Gap


@pytest.fixture(scope="module")
def found():
    keras = pytest.importorskip("keras")
    return list(api_gaps.gaps(keras, sequax))


def test_every_public_name_of_keras_is_there_or_says_why_not(found):
    assert [gap for gap in found if gap.kind == "silent"] == []


def test_sentences_are_told_from_implementations(found):
    said = {gap.path for gap in found if gap.kind == "said"}
    assert {"layers.TorchModuleWrapper", "layers.TFSMLayer"} <= said
    assert not {"distribution.initialize", "layers.Dense", "applications.resnet50.ResNet50"} & said


class Theirs:
    def __init__(self, units, scale=1, **kwargs):
        self.units = units

    def call(self, inputs, mask=None): ...

    def extra(self): ...

    @property
    def size(self): ...


class Ours:
    def __init__(self, scale=2, *, units): ...

    def call(self, inputs): ...


def library(name, **names):
    module = ModuleType(name)
    vars(module).update(names)
    return module


def test_differences_are_told_apart(monkeypatch):
    for cls, package in ((Theirs, "keras"), (Ours, "sequax")):
        monkeypatch.setattr(cls, "__module__", f"{package}.tests")
    keras = library("keras", Layer=Theirs, absent=len, _hidden=len, layers=library("keras.layers", other=len))
    ours = library("ours", Layer=Ours)
    monkeypatch.setattr(api_gaps, "_attributes", lambda cls: frozenset({"size"}))
    assert {(gap.kind, gap.path, gap.what.partition(":")[0]) for gap in api_gaps.gaps(keras, ours)} == {
        ("argument", "Layer.call", "mask"),
        ("default", "Layer", "scale"),
        ("member", "Layer.extra", ""),
        ("order", "Layer", "scale"),
        ("order", "Layer", "units"),
        ("silent", "absent", "module 'ours' has no attribute 'absent'"),
        ("silent", "layers", "module 'ours' has no attribute 'layers'"),
        ("silent", "layers.other", "module 'ours' has no attribute 'layers'"),
    }


def test_the_table_is_printed_and_silence_is_an_error(monkeypatch, capsys):
    for gaps, status in (([], 0), ([Gap("said", "a")], 0), ([Gap("silent", "b", "no such name")], 1)):
        monkeypatch.setattr(api_gaps, "gaps", lambda *libraries, gaps=gaps: gaps)
        assert api_gaps.main(["--list", "silent"]) == status
    assert capsys.readouterr().out.endswith("silent\tb\tno such name\n")
