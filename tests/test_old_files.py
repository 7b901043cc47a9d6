"""Files that earlier versions of Keras wrote, and those of layers that Keras runs with TensorFlow.

`tests/old_files/` holds real files, packed into one archive for each version with what the models gave there:
`tools/make_old_files.py` made them, and says with which versions.

keras-2.15.0    `tf.keras` of TensorFlow 2.15: whole models as `.h5` and `.keras`, weights as `.weights.h5` and `.h5`;
                optimizers of today's kind and, as `old_...`, those of TensorFlow up to 2.10
keras-3.6.0     whole models as `.h5` and `.keras`, weights as `.weights.h5`
text-3.15.1     `.keras` files of layers for text, lookup, categories and numbers, and of a trained classifier

What is not there: `.h5` files of Keras 3.6 with GRU, Embedding or several cells, which it fails to write; and
files of `tf.keras` before 2.15 and of Keras 1 and 2 without TensorFlow, which no Python of today runs:
`test_saving_weights.py` and `test_saving_config.py` write such layouts by hand. SavedModel folders and TensorFlow's
checkpoints are no files that anything but TensorFlow reads.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sequax.models import load_model, model_from_json
from sequax.saving.hdf5_reader import File
from sequax.saving.source import Source

FOLDER = Path(__file__).parent / "old_files"
VERSIONS = ("keras-2.15.0", "keras-3.6.0")
TEXT = "text-3.15.1"
# That version's Nadam counts the product of its momenta otherwise, and stores none; here it follows from the iteration.
TOLERANCES = {"keras-2.15.0/graph": 2e-3}


def members(version):
    with zipfile.ZipFile(FOLDER / f"{version}.zip") as archive:
        return [name for name in archive.namelist() if name != "expected.npz"]


def names(version):
    return sorted({name.split(".")[0].removesuffix("_weights") for name in members(version)})


class Stored:
    """The files of one model and what it gave where it was made."""

    def __init__(self, version, name, folder):
        self.key, self.name, self.folder = f"{version}/{name}", name, folder
        with zipfile.ZipFile(FOLDER / f"{version}.zip") as archive:
            for member in members(version):
                if member.split(".")[0] in (name, f"{name}_weights"):
                    archive.extract(member, folder)
            self.expected = np.load(io.BytesIO(archive.read("expected.npz")))
        self.x, self.y, self.outputs = self._all("x"), self._all("y"), self._all("outputs")

    def _all(self, kind):
        found = []
        while f"{self.name}/{kind}{len(found)}" in self.expected:
            found.append(self.expected[f"{self.name}/{kind}{len(found)}"])
        return found

    @property
    def losses(self):
        return self.expected[f"{self.name}/losses"]

    def path(self, ending):
        path = self.folder / f"{self.name}{ending}"
        return path if path.exists() else None


def single(values):
    return values[0] if len(values) == 1 else values


def assert_outputs(model, stored):
    found = model.predict(single(stored.x), verbose=0)  # one program, where a call compiles each operation
    for ours, theirs in zip(found if isinstance(found, (list, tuple)) else [found], stored.outputs, strict=True):
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-6, atol=1e-6)


def parts(path):
    """The vocabularies in a `.keras` file, and its weights."""
    with zipfile.ZipFile(path) as archive:
        found = {name: archive.read(name) for name in archive.namelist() if name.startswith("assets/")}
        datasets = File(Source.of(archive.read("model.weights.h5"))).datasets
    return found, {name: one.read().tolist() for name, one in datasets.items()}


def states(model):
    return [np.asarray(variable) for variable in model.optimizer.variables]


@pytest.fixture
def stored(request, tmp_path):
    return Stored(*request.param, tmp_path)


@pytest.mark.parametrize("stored", [(v, name) for v in VERSIONS for name in names(v)], indirect=True, ids="/".join)
def test_models_of_earlier_versions(stored):
    whole = [load_model(path) for path in (stored.path(".keras"), stored.path(".h5")) if path]
    for model in whole:
        assert_outputs(model, stored)
    for one, other in zip(states(whole[0]), states(whole[-1]), strict=True):
        np.testing.assert_array_equal(one, other)
    for path in (stored.path(".weights.h5"), stored.path("_weights.h5")):
        if path:
            model = model_from_json(whole[0].to_json())
            model.load_weights(path)
            assert_outputs(model, stored)
    model = whole[0]
    if stored.name == "old_nadam":  # its rule differs from today's
        return
    assert not model.run_eagerly  # as TensorFlow's `jit_compile=False` would be read
    history = model.fit(single(stored.x), single(stored.y), epochs=3, batch_size=8, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], stored.losses, rtol=TOLERANCES.get(stored.key, 1e-4))


@pytest.mark.parametrize("stored", [(TEXT, name) for name in names(TEXT)], indirect=True, ids="/".join)
def test_layers_that_keras_runs_with_tensorflow(stored, tmp_path):
    model = load_model(stored.path(".keras"))
    x = [one.astype(object) if one.dtype.kind == "U" else one for one in stored.x]
    (expected,), found = stored.outputs, np.asarray(model(single(x)))
    if expected.dtype.kind == "U":
        assert found.tolist() == expected.tolist()
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    model.save(tmp_path / "again.keras")
    assert parts(tmp_path / "again.keras") == parts(stored.path(".keras"))
    if stored.y:
        history = model.fit(single(x), single(stored.y), epochs=3, batch_size=8, shuffle=False, verbose=0).history
        np.testing.assert_allclose(history["loss"], stored.losses, rtol=1e-4)
