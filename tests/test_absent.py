"""Names of Keras that this version does not have: no such attribute, no such module, and an error that says why."""

from __future__ import annotations

import importlib

import pytest

import sequax
from sequax._absent import ABSENT

ASKED = {
    "applications.ResNet50": "Save the network with Keras",
    "applications.resnet50.preprocess_input": "Save the network with Keras",
    "callbacks.OrbaxCheckpoint": "BackupAndRestore",
    "distribution.DataParallel": "a model runs on one",
    "dtype_policies.QuantizedDTypePolicy": "mixed_bfloat16",
    "export.ExportArchive": "jax.export",
    "layers.TFSMLayer": "SavedModel",
    "layers.TorchModuleWrapper": "PyTorch",
    "optimizers.legacy.Adam": "which have the same names",
    "quantizers.AbsMaxQuantizer": "mixed_bfloat16",
    "wrappers.SKLearnClassifier": "BaseEstimator",
}


@pytest.mark.parametrize("path", ABSENT)
def test_attribute_is_refused_with_its_sentence(path):
    module, _, name = f"sequax.{path}".rpartition(".")
    holder = importlib.import_module(module)
    assert not hasattr(holder, name)
    with pytest.raises(AttributeError) as refused:
        getattr(holder, name)
    assert ABSENT[path] in str(refused.value) and f"sequax.{path} is not available" in str(refused.value)
    assert (refused.value.name, refused.value.obj) == (name, None)  # so that no `activations` is proposed


@pytest.mark.parametrize("path", ASKED)
def test_imports_are_refused_with_its_sentence(path):
    module, _, name = f"sequax.{path}".rpartition(".")
    for statement in (f"from {module} import {name}", f"import {module}.{name}"):
        with pytest.raises(ImportError, match=ASKED[path]):
            exec(statement)


def test_a_module_itself_is_refused():
    for statement in ("import sequax.applications", "from sequax import applications", "from sequax import quantizers"):
        with pytest.raises(ImportError, match="is not available"):
            exec(statement)


def test_other_wrong_names_are_as_ever():
    with pytest.raises(AttributeError, match=r"module 'sequax\.layers' has no attribute 'Dens'") as refused:
        _ = sequax.layers.Dens
    assert refused.value.obj is sequax.layers  # from which Python proposes 'Dense'
    with pytest.raises(ImportError, match="cannot import name 'Dens'"):
        exec("from sequax.layers import Dens")
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'sequax\.nonsense'"):
        exec("import sequax.nonsense")
