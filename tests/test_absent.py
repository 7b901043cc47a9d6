"""Names of Keras that this version does not have: no such attribute, no such module, and an error that says why."""

from __future__ import annotations

import importlib

import pytest

import sequax
from sequax import _removed
from sequax._absent import ABSENT
from sequax.core import names

ASKED = {
    "layers.TFSMLayer": "export.load",
    "layers.TorchModuleWrapper": "PyTorch",
    "optimizers.legacy.Adam": "which have the same names",
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
    for statement in ("import sequax.optimizers.legacy", "from sequax.optimizers import legacy"):
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


# --- names of older versions ---


def test_removed_methods_say_what_to_write_today():
    model = sequax.Sequential([sequax.Input((2,)), sequax.layers.Dense(1)])
    for name, word in (("predict_classes", "argmax"), ("fit_generator", "model.fit"), ("to_yaml", "to_json")):
        with pytest.raises(AttributeError, match=f"older Keras.*{word}"):
            getattr(model, name)
        assert not hasattr(model, name) and not hasattr(sequax.Sequential, name) and name not in dir(model)
    with pytest.raises(AttributeError, match=r"layer\.output"):
        _ = model.layers[0].get_output_at
    with pytest.raises(AttributeError, match="no defined input yet"):  # properties keep their own words
        _ = sequax.Sequential([sequax.layers.Dense(1)]).input


def test_removed_names_may_be_used_by_subclasses():
    class Mine(sequax.Sequential):
        def predict_classes(self, x):
            return 5

    model = Mine()
    model.total_loss = 3
    assert model.predict_classes(None) == 5 and model.total_loss == 3 and "predict_classes" in dir(model)


@pytest.mark.parametrize(
    ("module", "name", "word"),
    [
        ("layers", "CuDNNLSTM", "layers.LSTM"),
        ("utils", "np_utils", "to_categorical"),
        ("losses", "cosine_proximity", "cosine_similarity"),
        ("preprocessing", "text", "TextVectorization"),
    ],
)
def test_removed_public_names_say_what_to_write_today(module, name, word):
    space = importlib.import_module(f"sequax.{module}")
    with pytest.raises(AttributeError, match=f"older Keras.*{word}"):
        getattr(space, name)
    assert not hasattr(space, name)


def test_old_arguments_are_told_today_s():
    with pytest.raises(ValueError, match="older Keras; today: `padding`"):
        sequax.layers.Conv2D(3, 3, border_mode="same")
    model = sequax.Sequential([sequax.Input((2,)), sequax.layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError) as caught:
        model.fit([[1.0, 2.0]], [[1.0]], nb_epoch=3)
    assert any("today: `epochs`" in note for note in caught.value.__notes__)


def test_nothing_that_is_there_is_called_removed():
    for path in _removed.NAMES:
        target = sequax
        for part in path.split("."):
            target = getattr(target, part, None)
        assert target is None, path
    assert not [name for name in _removed.ATTRIBUTES if hasattr(sequax.Sequential, name)]


@pytest.mark.parametrize(
    ("given", "meant"), [("f1", "f1_score"), ("roc_auc", "auc"), ("rmse", "root_mean_squared_error")]
)
def test_short_names_of_metrics_are_understood(given, meant):
    assert meant in names.suggest(given, ["f1_score", "auc", "root_mean_squared_error", "accuracy"])


def test_the_old_name_of_the_learning_rate_is_told():
    optimizer = sequax.optimizers.Adam(0.1)
    with pytest.raises(AttributeError, match=r"older Keras.*learning_rate"):
        _ = optimizer.lr
    assert not hasattr(optimizer, "lr")
    with pytest.warns(UserWarning, match=r"has no effect.*optimizer\.learning_rate"):
        optimizer.lr = 0.5
    assert float(optimizer.learning_rate) == pytest.approx(0.1)

    class Own(sequax.optimizers.SGD):
        def __init__(self, lr):
            super().__init__(lr)
            self.lr = lr

    assert Own(0.3).lr == 0.3
